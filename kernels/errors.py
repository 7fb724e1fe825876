"""What can be wrong with a kernel."""


class KernelError(RuntimeError):
    """A kernel could not be compiled or loaded."""
