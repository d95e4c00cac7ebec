"""Widgets for the notebooks. They hold no logic: each calls a function that a script could call."""

from __future__ import annotations

from vlnb.panels.launch import Launch
from vlnb.panels.own_picture import OwnPicture

__all__ = ["Launch", "OwnPicture"]
