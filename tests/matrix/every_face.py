"""Every face of the matrix by its name."""

from tests.matrix.completions_face import CompletionsFace
from tests.matrix.faces import ChatFace, Face, MessagesFace
from tests.matrix.grpc_face import GrpcFace
from tests.matrix.responses_face import ResponsesFace
from tests.matrix.typed_faces import TypedCompletionsFace, TypedMessagesFace, TypedResponsesFace

FACES: dict[str, Face] = {
    "chat": ChatFace(),
    "messages": MessagesFace(),
    "responses": ResponsesFace(),
    "completions": CompletionsFace(),
    "grpc": GrpcFace(),
    "grpc-messages": TypedMessagesFace(),
    "grpc-responses": TypedResponsesFace(),
    "grpc-completions": TypedCompletionsFace(),
}
