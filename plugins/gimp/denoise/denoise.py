#!/usr/bin/env python3
"""GIMP 3: Filters, Enhance, “Denoise photo” adds a layer without noise; see docs/edit-in.md."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib  # noqa: E402

COMMAND = os.environ.get("DENOISE", "denoise")
"""The command line, where it is not on the path."""


class Denoise(Gimp.PlugIn):
    """What GIMP asks about the plug-in."""

    def do_set_i18n(self, _name):
        """Have no translations."""
        return False

    def do_query_procedures(self):
        """Name the one thing that it does."""
        return ["plug-in-denoise-photo"]

    def do_create_procedure(self, name):
        """Say where it stands in the menus, and for what it is."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_menu_label("Denoise photo")
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_documentation("Adds a layer without noise", "Runs the command denoise on what is seen", name)
        procedure.set_attribution("Denoise", "MIT", "2026")
        return procedure


def run(procedure, _mode, image, _drawables, _config, _data):
    """Denoise what is seen of the image, and put it on top as a layer of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "photo.tif")  # holds all that GIMP does: 16 bit, floats, transparency, profile
        file = Gio.File.new_for_path(path)
        seen = image.duplicate()
        seen.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, seen, file, None)
        seen.delete()
        try:
            done = subprocess.run([COMMAND, "--in-place", path], capture_output=True, text=True, check=False)
        except OSError as error:
            return failure(procedure, f"{COMMAND}: {error.strerror}. Install it, or name it in the variable DENOISE.")
        if done.returncode:
            return failure(procedure, done.stderr.strip())
        layer = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, file)
    layer.set_name("Denoised")
    image.insert_layer(layer, None, 0)
    Gimp.displays_flush()
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def failure(procedure, sentence):
    """Have GIMP show why nothing came of it."""
    return procedure.new_return_values(
        Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)
    )


Gimp.main(Denoise.__gtype__, sys.argv)
