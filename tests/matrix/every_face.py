"""Every face of the matrix by its name."""

from tests.matrix.completions_face import CompletionsFace
from tests.matrix.faces import ChatFace, Face, MessagesFace
from tests.matrix.grpc_face import GrpcFace
from tests.matrix.responses_face import ResponsesFace

FACES: dict[str, Face] = {
    "chat": ChatFace(),
    "messages": MessagesFace(),
    "responses": ResponsesFace(),
    "completions": CompletionsFace(),
    "grpc": GrpcFace(),
}
