"""Serving half of AWS's XGBoost image in script mode: model_fn, input_fn, predict_fn and output_fn of the user's module.

Written after sagemaker-xgboost-container (serving.py, handler_service.py, encoder.py, mms_patch/mms_transformer.py) and
sagemaker-inference 1.5.5 (environment.py, encoder.py). The request's body reaches input_fn as bytes, not as text.
"""

from __future__ import annotations

import importlib
import io
import json
import os
from pathlib import Path
from typing import Any

from rehearsal.sagemaker.inside import script_mode

JSON, CSV, NPY, ANY = "application/json", "text/csv", "application/x-npy", "*/*"


class UnsupportedFormatError(Exception):
    """A content type that the image's default functions do not know."""

    def __init__(self, content_type: str | None) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement input_fn to "
            "deserialize the request data or an output_fn to serialize the response."
        )


def prepare(spec: dict[str, Any], code: Path) -> str:
    """Put the user's code into the folder `code` and return the name of its module.

    SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY say where it is (sagemaker_containers._env.ServingEnv).
    """
    program = os.environ["SAGEMAKER_PROGRAM"]
    given = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", str(Path(spec["root"], "model", "code")))
    script_mode.extract(spec["source"] or given.removeprefix("file://"), code)
    if (code / "requirements.txt").exists():
        raise script_mode.Failure(f"requirements.txt cannot be installed: {spec['who']} has no way to a package index")
    script_mode.check_syntax(code, spec["image"])
    return program[:-3] if program.endswith(".py") else program


class Program:
    """The user's module with its model loaded.

    Parameters
    ----------
    module
        Name of the module.
    model_dir
        Folder with the unpacked model.tar.gz.
    """

    def __init__(self, module: str, model_dir: str) -> None:
        user = importlib.import_module(module)
        if not hasattr(user, "model_fn"):
            raise NotImplementedError("Please provide a model_fn implementation.")
        own = getattr(user, "transform_fn", None)
        parts = [getattr(user, name, None) for name in ("input_fn", "predict_fn", "output_fn")]
        if own and any(parts):
            raise ValueError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
                "implementation"
            )
        self._transform = own or self._default_transform
        self._input = parts[0] or default_input
        self._predict = parts[1] or default_predict
        self._output = parts[2] or default_output
        self._accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        self._model = user.model_fn(model_dir)

    def _default_transform(self, model: Any, data: Any, content_type: str | None, accept: str) -> Any:
        return self._output(self._predict(self._input(data, content_type), model), accept)

    def transform(self, body: bytes, content_type: str | None, accept: str | None) -> tuple[bytes, str]:
        """Answer one request: the bytes of the answer and their content type."""
        wanted = self._accept if accept in (None, "", ANY) else str(accept)
        result = self._transform(self._model, bytearray(body), content_type, wanted)
        answer, kind = result if isinstance(result, tuple) else (result, wanted)
        return (answer.encode() if isinstance(answer, str) else bytes(answer)), kind


def default_input(data: bytearray, content_type: str | None) -> Any:
    """Make a DMatrix of a CSV; the image's other formats are not rehearsed."""
    if (content_type or "").split(";")[0].strip() != CSV:
        raise UnsupportedFormatError(content_type)
    import numpy
    import xgboost

    rows = [line.split(",") for line in bytes(data).decode().strip().split("\n")]
    return xgboost.DMatrix(numpy.array([["nan" if cell == "" else cell for cell in row] for row in rows], dtype=float))


def default_predict(data: Any, model: Any) -> Any:
    """Call the model."""
    return model.predict(data, validate_features=False)


def default_output(prediction: Any, accept: str) -> bytes:
    """Encode a prediction as JSON, CSV or NPY."""
    import numpy

    if accept == JSON:
        return json.dumps(prediction, default=lambda value: value.tolist()).encode()
    stream = io.BytesIO()
    if accept == CSV:
        numpy.savetxt(stream, prediction, delimiter=",", fmt="%s")
    elif accept == NPY:
        numpy.save(stream, prediction)
    else:
        raise UnsupportedFormatError(accept)
    return stream.getvalue()
