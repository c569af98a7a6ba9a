"""The files behind what was named for an import; archives are unpacked with care."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from pathlib import Path

from retrieval.errors import ImportRefused
from retrieval.importing.conversion import KINDS, LARGEST_UNPACKED, check_archive


class Reading:
    """The files behind what was named: of folders and archives those that may be help texts."""

    def __init__(self, into: Path, unpacked: Path) -> None:
        self.into, self.unpacked = into.resolve(), unpacked
        self.files: list[tuple[str, str, Path]] = []  # root, name, file
        self.refused: dict[str, str] = {}
        self.other: Counter[str] = Counter()

    def collect(self, source: Path) -> None:
        """Add one source."""
        if source.is_dir():
            for file in sorted(source.rglob("*")):
                inside = file.relative_to(source)
                if (
                    any(part.startswith((".", "__MACOSX")) for part in inside.parts)
                    or file.is_symlink()
                    or not file.is_file()
                    or file.resolve().is_relative_to(self.into)
                ):
                    continue
                name = f"{source.name}/{inside.as_posix()}"
                if file.suffix.lower() == ".zip":
                    self._unpack(source.name, name, file)
                elif file.suffix.lower() in KINDS:
                    self.files.append((source.name, name, file))
                else:
                    self.other[file.suffix.lower()] += 1
        elif not source.is_file():
            self.refused[source.name] = f"{source}: is not there; name a file, folder or archive"
        elif source.suffix.lower() == ".zip":
            self._unpack(source.name, source.name, source)
        else:
            self.files.append((source.name, source.name, source))

    def _unpack(self, root: str, name: str, file: Path) -> None:
        """Copy the help texts of an archive to a scratch folder, counting what really comes out."""
        target = self.unpacked / str(len(self.files))
        target.mkdir(parents=True, exist_ok=True)
        left = LARGEST_UNPACKED
        found: list[tuple[str, str, Path]] = []
        try:
            with check_archive(file) as archive:
                for number, entry in enumerate(archive.infolist()):
                    inside = Path(entry.filename.replace("\\", "/"))
                    if (
                        entry.is_dir()
                        or any(part.startswith((".", "__MACOSX")) for part in inside.parts)
                        or stat.S_ISLNK(entry.external_attr >> 16)
                    ):
                        continue
                    ending = inside.suffix.lower()
                    if ending == ".zip":
                        self.refused[f"{name}/{inside.as_posix()}"] = (
                            "is an archive in an archive; unpack it and import what is in it"
                        )
                    elif ending not in KINDS:
                        self.other[ending] += 1
                    else:
                        # The name is the archive's; the file's own is a number and stays in place.
                        copy = target / f"{number}{ending}"
                        with archive.open(entry) as packed, copy.open("wb") as unpacked:
                            while piece := packed.read(1 << 20):
                                if (left := left - len(piece)) < 0:
                                    raise ImportRefused(
                                        file, "unpacks to more than it says", "make it again"
                                    )
                                unpacked.write(piece)
                        found.append((root, f"{name}/{inside.as_posix()}", copy))
        except ImportRefused as error:
            self.refused[name] = f"{error.what}; {error.cure}"
        except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError,
                NotImplementedError, RuntimeError) as error:  # fmt: skip
            # What zipfile and its decompressors raise over damaged bytes and unknown methods.
            self.refused[name] = f"is damaged ({type(error).__name__}); make it again"
        else:
            self.files += found
