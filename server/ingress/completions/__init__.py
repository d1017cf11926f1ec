"""OpenAI's legacy text completions as a face: one prompt in, text that goes on from it out, by chat models."""
