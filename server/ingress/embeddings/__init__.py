"""OpenAI's embeddings as a face: texts or tokens in, vectors out, in the order of the inputs."""
