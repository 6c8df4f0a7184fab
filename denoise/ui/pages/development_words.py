"""The words of how RAW files are developed."""

WHITE_BALANCE = "White balance"
WHITE_BALANCES = {"camera": "As shot", "auto": "Auto", "daylight": "Daylight"}
WHITE_BALANCE_HELP = "What is white: as the camera thought, as this photo looks on average, or what is so by daylight."
EXPOSURE = "Exposure, in stops"
EXPOSURE_HELP = "Each stop is twice as light, or half. What is white stays white."
HIGHLIGHTS = "Highlights"
HIGHLIGHT_WAYS = {"clip": "Clip", "blend": "Blend", "rebuild": "Rebuild"}
HIGHLIGHTS_HELP = (
    "Where a colour of the sensor was at its limit. Clip: white without a tint. Blend: what the other colours tell is "
    "mixed in. Rebuild: guessed from what is around."
)
