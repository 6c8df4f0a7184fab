"""The words of the viewer; what changes while it is used, such as {percent}, it fills in itself."""

LABELS = {
    "stage": (
        "Comparison of two pictures. Arrow keys move, plus and minus zoom, 0 fits, a question mark lists all keys."
    ),
    "mode": "How to compare",
    "side": "Side by side",
    "slider": "Slider",
    "flip": "Flip",
    "removed": "Removed noise",
    "error": "Error",
    "zoom": "Zoom",
    "fit": "Fit",
    "percent": "Current zoom",
    "tools": "Tools",
    "loupe": "Loupe",
    "brush": "Brush: less or more in places",
    "aim": "What the brush does",
    "less": "Less",
    "none": "Not at all",
    "more": "More",
    "erase": "Erase",
    "size": "Size",
    "size_help": "How wide the brush is. Zoom in to paint finer.",
    "undo": "Undo",
    "clear": "Clear",
    "brush_hint": "Red: less is removed. Green: more, where the sliders leave something.",
    "full": "Full screen",
    "help": "Keys of the viewer",
    "divider": "Divider between the two pictures",
    "divided": "{left} on the left {percent} % of the picture",
    "hold": "Hold to see: {left}",
    "gain": "How much stronger the removed noise is shown",
    "meaning": (
        "Grey: unchanged. White or black: {levels} of 255 levels or more were taken away or added. "
        "A recognisable photo means lost detail."
    ),
    "error_meaning": (
        "Black: equal to the clean reference. White: {levels} of 255 levels away from it, or more. "
        "Move the sliders and see what helps."
    ),
    "mix": "How much noise is removed",
    "luminance": "Less luminance noise",
    "luminance_help": "How much of the light and dark grain is removed. Lower it to keep some grain.",
    "colour": "Less colour noise",
    "colour_help": "How much of the coloured blotches is removed.",
    "detail": "More fine detail",
    "detail_help": "Leaves the grain where the photo has texture: it is hardly seen there, and fine detail stays.",
    "reset": "Reset",
    "waiting": "{right}: not yet",
    "coming": "{label}: on its way …",
    "growing": "{label} · {percent} %",
    "done": "Denoised",
    "bell": "Tell me when it is done",
    "bell_help": "A notification of the browser, if you look at something else meanwhile.",
    "hint": "Drag to move, wheel to zoom, ? for all keys",
    "hint_touch": "Pinch to zoom, drag to move",
    "failed": "This picture has not arrived yet. Asking for it again …",
}
KEYS = [
    ("S", "Side by side"),
    ("D", "Slider; Tab to the divider, then the arrow keys move it"),
    ("F", "Flip; hold F or Space to see the first picture"),
    ("N", "Removed noise"),
    ("E", "Error, where there is a clean reference"),
    ("A", "Show the removed noise or the error stronger or weaker"),
    ("+ −", "Zoom in and out"),
    ("0", "Fit"),
    ("1 2 4 8", "1:1, 2:1, 4:1, 8:1"),
    ("← ↑ ↓ →", "Move the photo"),
    ("L", "Loupe; Shift with the arrow keys moves it"),
    ("B", "Brush; Shift with the arrow keys moves it, Enter paints, U undoes, [ and ] make it smaller and larger"),
    ("M", "Full screen"),
    ("?", "This list"),
]


def labels(left: str, right: str) -> dict[str, str]:
    """Return the viewer's texts for two pictures that are called so."""
    return {name: text.replace("{left}", left).replace("{right}", right) for name, text in LABELS.items()}
