"""All media under the name that W&B's module has: `opensweep.data_types`."""

from __future__ import annotations

from logging_core.media.audio import Audio as Audio
from logging_core.media.base import BatchableMedia as BatchableMedia
from logging_core.media.base import Media as Media
from logging_core.media.base import Value as WBValue
from logging_core.media.graph import Edge as Edge
from logging_core.media.graph import Graph as Graph
from logging_core.media.graph import Node as Node
from logging_core.media.histogram import Histogram as Histogram
from logging_core.media.html import Html as Html
from logging_core.media.image import Image as Image
from logging_core.media.molecule import Molecule as Molecule
from logging_core.media.object3d import Object3D as Object3D
from logging_core.media.object3d import box3d as box3d
from logging_core.media.overlays import BoundingBoxes2D as BoundingBoxes2D
from logging_core.media.overlays import Classes as Classes
from logging_core.media.overlays import ImageMask as ImageMask
from logging_core.media.plotly import Plotly as Plotly
from logging_core.media.table import Table as Table
from logging_core.media.video import Video as Video

__all__ = [
    "Audio",
    "BatchableMedia",
    "BoundingBoxes2D",
    "Classes",
    "Edge",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "ImageMask",
    "Media",
    "Molecule",
    "Node",
    "Object3D",
    "Plotly",
    "Table",
    "Video",
    "WBValue",
    "box3d",
]
