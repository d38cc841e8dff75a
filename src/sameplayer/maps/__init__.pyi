from .deletion import faithfulness as faithfulness
from .deletion import shares as shares
from .explanation import MAPS as MAPS
from .explanation import Explanation as Explanation
from .explanation import explain as explain
from .method import ImageMap as ImageMap
from .overlay import draw_pair as draw_pair
