"""Molecule: a file of a molecule's structure; others are made into one by RDKit, if it is there."""

from __future__ import annotations

import io
import os
from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia, captions
from logging_core.media.libraries import library
from logging_core.media.place import Place


class Molecule(BatchableMedia):
    """A molecule.

    Args:
        data_or_path: the path of a file of one of SUPPORTED_TYPES, or an open file.
        caption: shown with it.
        file_type: of an open file that has no name.

    Raises UsageError, OSError.
    """

    SUPPORTED_TYPES = frozenset(
        ["pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol2", "mmtf"]
    )
    SUPPORTED_RDKIT_TYPES = frozenset(["mol", "sdf"])
    _log_type = "molecule-file"
    _folder = "media/molecule"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, file_type: str | None = None
    ) -> None:
        super().__init__(caption)
        if hasattr(data_or_path, "name") and not isinstance(data_or_path, os.PathLike):
            data_or_path = data_or_path.name
        if isinstance(data_or_path, (str, os.PathLike)):
            self._check(os.path.splitext(os.fspath(data_or_path))[1][1:])
            self._set_path(data_or_path)
        elif hasattr(data_or_path, "read"):
            self._check(file_type or "")
            if hasattr(data_or_path, "seek"):
                data_or_path.seek(0)
            read = data_or_path.read()
            content = read.encode("utf-8") if isinstance(read, str) else bytes(read)
            self._set_bytes(content, f".{file_type}")
        else:
            raise UsageError(f"Molecule takes a path or an open file, not {data_or_path!r}")

    def _check(self, kind: str) -> None:
        if kind not in self.SUPPORTED_TYPES:
            raise UsageError(
                f"a Molecule of type {kind!r}: it takes {', '.join(sorted(self.SUPPORTED_TYPES))} "
                "(of an open file: file_type=…)"
            )

    @classmethod
    def from_rdkit(
        cls,
        data_or_path: Any,
        caption: str | None = None,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Of an RDKit molecule, or a .mol or .sdf file (its first one); slow when optimised."""
        chem = library("rdkit.Chem", "Molecule.from_rdkit", "rdkit")
        molecule = data_or_path
        if isinstance(data_or_path, (str, os.PathLike)):
            path = os.fspath(data_or_path)
            kind = os.path.splitext(path)[1][1:]
            if kind not in cls.SUPPORTED_RDKIT_TYPES:
                raise UsageError(f"Molecule.from_rdkit reads .mol and .sdf files, not {path!r}")
            molecule = chem.MolFromMolFile(path) if kind == "mol" else chem.SDMolSupplier(path)[0]
        if convert_to_3d_and_optimize:
            every = library("rdkit.Chem.AllChem", "Molecule.from_rdkit", "rdkit")
            molecule = chem.AddHs(molecule)
            every.EmbedMolecule(molecule)
            every.MMFFOptimizeMolecule(molecule, maxIters=mmff_optimize_molecule_max_iterations)
        return cls(io.StringIO(chem.MolToPDBBlock(molecule)), caption=caption, file_type="pdb")

    @classmethod
    def from_smiles(
        cls,
        data: str,
        caption: str | None = None,
        sanitize: bool = True,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Of a SMILES string. Raises UsageError when it is none, or without RDKit."""
        chem = library("rdkit.Chem", "Molecule.from_smiles", "rdkit")
        molecule = chem.MolFromSmiles(data, sanitize=sanitize)
        if molecule is None:
            raise UsageError(f"{data!r} is no SMILES string that RDKit can read")
        return cls.from_rdkit(
            molecule, caption, convert_to_3d_and_optimize, mmff_optimize_molecule_max_iterations
        )

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Molecule], place: Place) -> dict[str, Any]:
        each = [item._opensweep_log_(place) for item in items]
        return {
            "_type": "molecule",
            "filenames": [one["path"] for one in each],
            "count": len(each),
            "captions": captions(items) or False,
        }
