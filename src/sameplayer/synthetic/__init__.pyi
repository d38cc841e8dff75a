from .league import draw_crop as draw_crop
from .league import draw_league as draw_league
