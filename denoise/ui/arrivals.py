"""What came through Streamlit's uploaders, of which it is to keep nothing but the name."""

from dataclasses import dataclass, field
from typing import cast

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec


@dataclass
class Arrivals:
    """Which file came last in each place, by Streamlit's id of it."""

    _files: dict[str, str] = field(default_factory=dict)

    def take(self, place: str, file: UploadedFile) -> bytes:
        """Return the content of an uploaded file, of which Streamlit keeps nothing but the name.

        It would keep a file for as long as the session lasts, twice, and each upload in another place as well. That it
        has been here is all that the uploader's list needs to know.
        """
        data = file.getvalue()
        self.release(place)
        if context := get_script_run_ctx():
            manager = cast(MemoryUploadedFileManager, context.uploaded_file_mgr)
            manager.add_file(context.session_id, UploadedFileRec(file.file_id, file.name, file.type, b""))
        file.truncate(0)
        self._files[place] = file.file_id
        return data

    def release(self, place: str) -> None:
        """Have Streamlit forget the name as well of what was uploaded in this place."""
        context, before = get_script_run_ctx(), self._files.pop(place, None)
        if context and before:
            cast(MemoryUploadedFileManager, context.uploaded_file_mgr).remove_file(context.session_id, before)

    def is_untaken(self, place: str, file: UploadedFile | None) -> bool:
        """Tell whether a file still waits to be taken: the run that was to take it was overtaken too early."""
        return file is not None and self._files.get(place) != file.file_id
