"""Evidence about who a tracklet shows: appearance, kit, number, position, time."""
