from .league import draw_clip as draw_clip
from .league import draw_crop as draw_crop
from .league import draw_league as draw_league
from .match import draw_match as draw_match
from .shirts import ShirtView as ShirtView
from .shirts import draw_shirt as draw_shirt
from .shirts import shirt_fonts as shirt_fonts
