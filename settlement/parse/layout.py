"""Layouts as the readers see them; they live in ``settlement.model.layout`` because ``land`` needs them too."""

from __future__ import annotations

from settlement.model.layout import Layout, NameParts, fit_name, read_layouts, read_spec

__all__ = ["Layout", "NameParts", "fit_name", "read_layouts", "read_spec"]
