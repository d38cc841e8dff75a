from .boxes import Boxes as Boxes
from .detection.box_files import boxes_of as boxes_of
from .detection.box_files import read_boxes as read_boxes
from .detection.detectors import DETECTORS as DETECTORS
from .detection.rtmdet import RtmDet as RtmDet
from .stream import find_tracklets as find_tracklets
from .tracking.registry import TRACKERS as TRACKERS
from .tracklets import Tracklets as Tracklets
