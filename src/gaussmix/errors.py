"""The exception tree.

::

    GaussmixError                       everything this package raises on purpose
    ├── DataError (ValueError)          rows, columns or a file's content cannot be used
    ├── DataTypeError (TypeError)       the data are of a kind that cannot be used
    ├── ParameterError (ValueError)     a parameter is out of range or contradicts another
    ├── DegenerateError (ValueError)    a component collapsed and ``on_degenerate="raise"``
    ├── ModelFormatError (ValueError)   a model file or checkpoint is damaged, foreign or too new
    ├── CheckpointError (ValueError)    a checkpoint belongs to other rows, parameters or versions
    ├── ExecutorError (RuntimeError)    workers failed, or the connection to them was lost
    ├── MissingDependencyError (ImportError)    an optional package is needed
    └── ResourceLimitError (ValueError, MemoryError)   the fit would need more memory than there is

    DegenerateWarning (UserWarning)     a component collapsed, or there are too few distinct rows
    UnfinishedWarning (UserWarning)     a search ended before all its cells were fitted
"""

from __future__ import annotations


class GaussmixError(Exception):
    """Base of all exceptions that this package raises on purpose."""


class DataError(GaussmixError, ValueError):
    """Rows, columns or the content of a file cannot be used."""


class DataTypeError(GaussmixError, TypeError):
    """The data are of a kind that cannot be used (sparse, masked, text, ...)."""


class ParameterError(GaussmixError, ValueError):
    """A parameter is out of range or contradicts another."""


class DegenerateError(GaussmixError, ValueError):
    """A component collapsed while ``on_degenerate="raise"``."""


class ModelFormatError(GaussmixError, ValueError):
    """A model file is damaged, foreign or written by a newer version."""


class CheckpointError(GaussmixError, ValueError):
    """A checkpoint belongs to other rows, parameters or versions; the message lists what differs."""


class ExecutorError(GaussmixError, RuntimeError):
    """Workers failed, or the connection to them was lost; the message names the rows or the address."""


class MissingDependencyError(GaussmixError, ImportError):
    """An optional package is needed; the message is the command that installs it."""


class ResourceLimitError(GaussmixError, ValueError, MemoryError):
    """The computation would need more memory than the machine has."""


class DegenerateWarning(UserWarning):
    """A component collapsed, or the rows cannot support the number of components."""


class UnfinishedWarning(UserWarning):
    """A search ended before all its cells were fitted: its time budget was over, or it was interrupted."""
