"""Builds the kernels of ``ext/`` into ``settlement/kernels/``; everything else stands in pyproject.toml."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent

SOURCES = sorted((HERE / "ext").glob("*.pyx"))

# These use several threads.
THREADED = (
    "radix_",
    "subset_",
    *(
        f"parse_{name}"
        for name in ("cards", "delimited", "digits", "elements", "fixed", "places", "position", "runs", "span")
    ),
)
THREADS = {source: ["-fopenmp"] if source.stem.startswith(THREADED) else [] for source in SOURCES}

# x86-64 baseline only: a wheel must run on any machine of its architecture.
extensions = [
    Extension(
        f"settlement.kernels._{source.stem}",
        [source.relative_to(HERE).as_posix()],
        libraries=["crypto"] if source.stem == "parse_cards" else [],
        extra_compile_args=["-O3", *THREADS[source]],
        extra_link_args=THREADS[source],
    )
    for source in SOURCES
]

# The code that every kernel would hold of its own (views of arrays, above all) is compiled once: that is most of it.
SHARED = "settlement.kernels._shared"
extensions.append(Extension(SHARED, ["ext/_shared.c"], extra_compile_args=["-O3"]))

setup(
    packages=find_packages(include=["settlement", "settlement.*"]),
    package_data={"settlement": ["**/*.toml", "**/*.html", "**/*.css", "**/*.md"]},
    data_files=[
        (
            f"share/settlement/{folder.relative_to(HERE).as_posix()}",
            [str(p.relative_to(HERE)) for p in folder.glob("*.*")],
        )
        for folder in (HERE / "contracts", *(p for p in (HERE / "contracts").rglob("*") if p.is_dir()))
    ],
    ext_modules=cythonize(
        extensions,
        language_level=3,
        compiler_directives={"embedsignature": True},
        shared_utility_qualified_name=SHARED,
    ),
    options={"build_ext": {"parallel": True}},
)
