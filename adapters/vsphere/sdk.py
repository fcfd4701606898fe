"""pyvmomi, which makes its classes when they are asked for: to a type checker all of it is `Any`."""

from typing import Any

from pyVmomi import SoapAdapter
from pyVmomi import vim as _vim
from pyVmomi import vmodl as _vmodl

vim: Any = _vim
vmodl: Any = _vmodl
SoapStubAdapter: Any = SoapAdapter.SoapStubAdapter
