"""Models on disk: written so that nothing in the file can run, with the same bytes from the same models.

The format is skops: a ZIP of a description and arrays. Nothing is unpickled. A file
that names a type which is not on the list is refused before anything of it is built.
"""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aoi.findings import InputError, finding
from aoi.table import replace_file

TRUSTED = ("sklearn.tree._tree.Tree",)
"""Types besides those that skops trusts by itself: the nodes of trees, whose numbers are checked after loading."""
MOST_BYTES = 1 << 31
"""What a model file may hold unpacked."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ID = re.compile(r'("__id__": |"file": ")(\d+)')


def save_models(models: Sequence[Any], path: Path) -> None:
    """Write fitted models; addresses and times that skops puts into a file are taken out of it."""
    from skops.io import dumps

    replace_file(path, _same_bytes(dumps(list(models))))


def _same_bytes(content: bytes) -> bytes:
    """The same ZIP with objects numbered as they come, fixed times, and packed."""
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        description = given.read("schema.json").decode("utf-8")
        numbers: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            return f"{found[1]}{numbers.setdefault(found[2], len(numbers))}"

        described = _ID.sub(numbered, description)
        parts = {"schema.json": json.dumps(json.loads(described), separators=(",", ":"), sort_keys=True).encode("utf-8")}
        for name in given.namelist():
            stem, dot, ending = name.partition(".")
            if name != "schema.json":
                parts[f"{numbers.get(stem, stem)}{dot}{ending}"] = given.read(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name in sorted(parts):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, parts[name], compresslevel=6)
    return buffer.getvalue()


def load_models(path: Path, predictors: int) -> list[Any]:
    """The models of a file.

    Raises
    ------
    InputError
        No such file (``E-RETR-08``), a type that is not trusted (``E-RETR-06``), or no
        models of so many predictors (``E-RETR-07``).
    """
    from skops.io import get_untrusted_types, load

    try:
        with zipfile.ZipFile(path) as given:
            if sum(entry.file_size for entry in given.infolist()) > MOST_BYTES:
                raise ValueError("size")
        unknown = sorted(set(get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise InputError(finding("E-RETR-06", path.name, types=", ".join(unknown)))
        models = load(path, trusted=list(TRUSTED))
        _check(models, predictors)
    except FileNotFoundError as error:
        raise InputError(finding("E-RETR-08", path.name)) from error
    except InputError:
        raise
    except Exception as error:
        raise InputError(finding("E-RETR-07", path.name, reason=f"{type(error).__name__}: {error}"[:200])) from error
    return list(models)


def _check(models: Any, predictors: int) -> None:
    """Pipelines of a scale and a regression that take so many predictors, with trees whose branches stay inside."""
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if not (isinstance(models, list) and models):
        raise ValueError("no list of models")
    for model in models:
        if not (isinstance(model, Pipeline) and len(model) == 2 and type(model[0]) is StandardScaler):
            raise ValueError("not a pipeline of a scale and a regression")
        if type(model[1]) not in (LinearRegression, RandomForestRegressor, GradientBoostingRegressor):
            raise ValueError(type(model[1]).__name__)
        if model[0].n_features_in_ != predictors or model[1].n_features_in_ != predictors:
            raise ValueError(f"{model[0].n_features_in_} predictors, not {predictors}")
        for one in np.ravel(getattr(model[1], "estimators_", [])):
            _check_tree(one.tree_, predictors)


def _check_tree(tree: Any, predictors: int) -> None:
    """A node leads on to later nodes only, by a predictor that there is."""
    number = tree.node_count
    place = np.arange(number)
    left, right, by = tree.children_left, tree.children_right, tree.feature
    leaf = (left == -1) & (right == -1)
    inside = (left > place) & (right > place) & (left < number) & (right < number) & (by >= 0) & (by < predictors)
    if not (leaf | inside).all() or len(tree.value) != number:
        raise ValueError("tree")
