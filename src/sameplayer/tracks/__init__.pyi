from .boxes import Boxes as Boxes
from .camera import Camera as Camera
from .tracklets import Tracklets as Tracklets
