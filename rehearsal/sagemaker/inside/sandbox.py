"""What makes a forked process behave like a container of one image: its packages, its network, its /opt/ml.

The checks are Python's own (an import hook and an audit hook), so they hold for Python code in this process and, by
sitecustomize.py beside this file, in Python processes that it starts. They are there to find mistakes before AWS does,
not to keep anybody in.
"""

from __future__ import annotations

import errno
import importlib.machinery
import json
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_NOT_FOUND_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "os.mkdir"})
_SITE = tuple({sysconfig.get_paths()[name] for name in ("purelib", "platlib")})
_LIBRARY = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")})


class ImageImports:
    """A finder in front of all others that knows which packages the image has.

    Parameters
    ----------
    image
        As `rehearsal.sagemaker.images.Image.for_child` gives it.
    code
        Folders of the user's own modules.
    """

    def __init__(self, image: dict[str, Any], code: Sequence[str]) -> None:
        self.image = image
        self.code = list(code)
        self._packages = image["packages"]
        self._absent = frozenset(image["absent"])

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Let through what the image has; see importlib.abc.MetaPathFinder."""
        if name in self._absent:
            raise self._missing(name, f"it is not in Python {self.image['python']}, which that image has")
        if "." in name or name in sys.builtin_module_names or name in sys.stdlib_module_names:
            return None
        if name in self._packages:
            self._must_be_here(name)
            return None
        own = importlib.machinery.PathFinder.find_spec(name, [*self.code, *self._script_folder()])
        if own is not None:
            return own
        if self._asked_by_a_package():
            return None  # what a package of the image imports in turn is its own business
        raise self._missing(name, "that image does not have it")

    def _script_folder(self) -> list[str]:
        first = sys.path[0] if sys.path else ""
        return [] if _of_python(first) else [first or str(Path.cwd())]

    def _missing(self, name: str, why: str) -> ModuleNotFoundError:
        return ModuleNotFoundError(f"No module named {name!r} in the image {self.image['name']}: {why}", name=name)

    def _must_be_here(self, name: str) -> None:
        """Say which version to install when the image has a package and this machine does not."""
        for finder in sys.meta_path:
            if finder is not self and finder.find_spec(name, None) is not None:
                return
        version = self._packages[name]
        raise ModuleNotFoundError(
            f"No module named {name!r} on this machine, though the image {self.image['name']} has it"
            + (f" (version {version})" if version else "")
            + ": install it to rehearse this",
            name=name,
        )

    def _asked_by_a_package(self) -> bool:
        frame = sys._getframe(2)
        while frame is not None:
            place = frame.f_code.co_filename
            if not place.startswith("<frozen importlib") and place != __file__:
                return place.startswith(_SITE)
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def forget_others(self) -> None:
        """Drop what this process has loaded and the image lacks, so that importing it asks this finder."""
        for name, module in list(sys.modules.items()):
            top = name.partition(".")[0]
            if top in ("__main__", "sitecustomize") or top in sys.builtin_module_names:
                continue
            installed = str(getattr(module, "__file__", None) or "").startswith(_SITE)
            foreign = installed and top not in self._packages
            if foreign or top == "rehearsal" or name in self._absent:
                del sys.modules[name]


class Network:
    """What the process may connect to.

    Parameters
    ----------
    isolated
        EnableNetworkIsolation: nothing at all.
    allowed
        ``(host, port)`` of the rehearsal's endpoint, which stands for the VPC's endpoints of AWS services.
    who
        The job or endpoint, for the message.
    """

    def __init__(self, isolated: bool, allowed: tuple[str, int] | None, who: str) -> None:
        self.isolated, self.allowed, self.who = isolated, allowed, who

    def check(self, event: str, args: tuple[Any, ...]) -> None:
        """Refuse a connection or a name look-up, as audit events tell of them."""
        if event == "socket.connect":
            address = args[1]
            if isinstance(address, tuple) and not self._allowed(address[0], address[1]):
                raise OSError(errno.ENETUNREACH, f"Network is unreachable: {self._why(f'{address[0]}:{address[1]}')}")
        elif event == "socket.getaddrinfo":
            host = args[0]
            if host not in (None, "") and not _numeric(host) and not self._allowed(host, None):
                import socket

                raise socket.gaierror(socket.EAI_AGAIN, f"Temporary failure in name resolution: {self._why(str(host))}")

    def _allowed(self, host: Any, port: int | None) -> bool:
        if isinstance(host, bytes):
            host = host.decode()
        if self.isolated or self.allowed is None:
            return False
        return host == self.allowed[0] and port in (None, self.allowed[1])

    def _why(self, target: str) -> str:
        if self.isolated:
            return f"EnableNetworkIsolation is on for {self.who}, its container has no network (it tried {target})"
        return f"{self.who} runs in a VPC without internet access, only AWS's endpoints answer (it tried {target})"


def _numeric(host: Any) -> bool:
    """Whether a host is an address, which needs no name server."""
    text = host.decode() if isinstance(host, bytes) else str(host)
    return ":" in text or text.replace(".", "").isdigit()


def _literal_opt_ml(path: Any) -> bool:
    return isinstance(path, str) and (path == "/opt/ml" or path.startswith("/opt/ml/"))


def _of_python(place: str) -> bool:
    """Whether an entry of sys.path is the standard library's or where packages are installed."""
    return place.startswith((*_SITE, *_LIBRARY)) or place.endswith(".zip")


def enter(spec: dict[str, Any], code: Sequence[str] = ()) -> None:
    """Take on the image and the network that `spec` describes.

    Parameters
    ----------
    spec
        Keys ``image`` (see `ImageImports`), ``isolated``, ``allowed`` ([host, port] or None) and ``who``.
    code
        Folders of the user's own modules.
    """
    network = Network(spec["isolated"], tuple(spec["allowed"]) if spec["allowed"] else None, spec["who"])

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith("socket."):
            network.check(event, args)
        elif event in _NOT_FOUND_EVENTS and args and _literal_opt_ml(args[0]):
            raise FileNotFoundError(
                errno.ENOENT,
                "the rehearsal has no container: take this path from an argument or the environment, where /opt/ml is "
                "replaced by the job's folder",
                args[0],
            )

    sys.path[:] = [*code, *(place for place in sys.path if _of_python(place))]
    finder = ImageImports(spec["image"], code)
    finder.forget_others()
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    sys.addaudithook(audit)


def environment(spec: dict[str, Any]) -> dict[str, str]:
    """Return the variables that make Python processes started by the job enter the same sandbox."""
    return {"REHEARSAL_SANDBOX": json.dumps(spec), "PYTHONPATH": str(Path(__file__).parent / "site")}
