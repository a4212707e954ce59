"""graphtools: see, step through and rebuild PyTorch's computational graphs."""
