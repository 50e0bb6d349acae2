"""One name in site-packages, folders where they are: docs/decisions/0002-packaging.md."""

from setuptools import find_packages, setup

INSIDE = ("engines", "realtime", "export", "models")

found = find_packages(include=[name for inside in INSIDE for name in (inside, f"{inside}.*")])
own = find_packages(include=["steadypose", "steadypose.*"])
setup(
    packages=[*own, "steadypose.models", *(f"steadypose.{name}" for name in found)],
    package_dir={f"steadypose.{name}": name for name in INSIDE},
    package_data={
        "": ["*.css", "*.html", "*.js", "*.svg", "*.json", "*.toml", "*.cu"],
        "steadypose": ["py.typed"],
        "steadypose.models": ["*.onnx"],
    },
)
