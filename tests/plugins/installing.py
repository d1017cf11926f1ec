"""Installs a module as a package manager would: the module, and beside it the metadata of its distribution."""

from pathlib import Path

GROUP = "perpetuo.providers"


def install(site: Path, module: str, code: str, entry_points: dict[str, str]) -> None:
    """Puts the distribution of one module into a folder that is on the path of modules."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    info = site / f"{module}-1.2.dist-info"
    info.mkdir()
    name = module.replace("_", "-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
    lines = "".join(f"{point} = {value}\n" for point, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}", encoding="utf-8")
    (info / "RECORD").write_text(f"{module}.py,,\n", encoding="utf-8")
