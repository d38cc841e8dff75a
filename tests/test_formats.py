"""Every row of the tables of formats in docs/ has a test that reads or writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
LAYOUTS, PIXELS = "data/layouts/test_file_names.py", "data/images/test_pixels.py"
SAME_FOLDERS = f"{LAYOUTS}::names_decide_which_data_set_has_the_same_folders"
EVERY_KIND = f"{PIXELS}::every_kind_of_every_format_is_read_as_pillow_reads_it"
USUAL = "data/test_crop_files.py::a_table_of_another_tool_is_read_whole"
TABLES = "data/tabular/test_read_table.py"
HEADERS = ("source", "format", "what", "column", "name")
BOXES = "data/annotations/test_"
# Heading of the section -> first cell of each row of its tables -> how the test's name begins.
ROWS = {
    ("data.md", "# Your data"): {
        "table": "data/test_crops.py::tables_round_trip_with_root_and_scope",
        "synergy": f"{LAYOUTS}::synergy_may_lie_a_folder_further_down",
        "market1501": SAME_FOLDERS,
        "dukemtmcreid": SAME_FOLDERS,
        "cuhk03np": SAME_FOLDERS,
        "veri776": f"{LAYOUTS}::image_train_and_image_test_are_no_persons",
        "msmt17": "data/layouts/test_msmt17.py::both_versions_are_read",
        "soccernet": f"{LAYOUTS}::soccernets_names_tell_team_and_number",
        "mot": "data/layouts/test_mot.py::splits_lie_above_their_sequences",
        "folder": "data/layouts/test_person_folders.py::layumis_form_gives_what_market_1501_gives",
    },
    ("data.md", "## Pictures that are read"): {
        "JPEG, MPO": EVERY_KIND,
        "PNG, APNG": EVERY_KIND,
        "WebP, BMP, GIF": EVERY_KIND,
        "TIFF": "data/images/test_tiff.py::every_layout_of_samples_is_read_as_it_was_written",
        "AVIF": f"{PIXELS}::the_properties_of_an_avif_count_and_not_its_exif",
        "HEIC": f"{PIXELS}::the_primary_picture_of_a_heic_counts",
        "JPEG 2000, PPM, PGM, PBM": f"{PIXELS}::netpbm_is_scaled_by_the_white_that_it_states",
    },
    ("data.md", "## Tables that are read"): {
        "text (.csv, .tsv, .txt)": f"{TABLES}::one_table_is_read_however_it_was_saved",
        "Excel (.xlsx)": "data/tabular/test_excel.py::cells_are_read_as_they_are_shown",
        "Parquet (.parquet)": f"{TABLES}::parquet_keeps_its_types_whatever_it_is_called",
        "image": USUAL,
        "person": "data/test_crop_files.py::a_label_names_a_person_unless_it_is_a_class",
        "camera": USUAL,
        "frame": USUAL,
        "left, top, width, height": "data/tabular/test_box_columns.py::four_columns_are_one_box",
    },
    ("video.md", "## Boxes that are read"): {
        "MOT text": f"{BOXES}mot.py::whatever_stands_between_the_numbers",
        "names beside MOT text": f"{BOXES}mot.py::the_tracks_of_soccernet_are_named",
        "table": f"{BOXES}box_table.py::the_usual_names_are_one_box",
        "CVAT for video 1.1, for images 1.1": f"{BOXES}cvat.py::every_listed_box_is_read",
        "COCO": f"{BOXES}coco.py::cvats_export_has_tracks",
        "YOLO": f"{BOXES}yolo.py::boxes_tracks_and_scores_of_tracking_are_exact",
        "SoccerNet game state": f"{BOXES}game_state.py::people_have_role_team_and_number",
        "supervision": f"{BOXES}read.py::supervisions_sinks_are_read",
        "Label Studio": f"{BOXES}label_studio.py::keyframes_become_boxes_in_shares",
        "detections": "tracks/test_box_files.py::detections_of_supervision_are_read",
    },
    ("video.md", "## For other tools"): {
        "mot": "identity/test_export_mot.py::trackeval_finds_the_log_equal_to_itself",
        "sportscode": "identity/test_exports.py::kloppy_reads_strange_names_and_each_appearance",
        "cvat": "identity/test_export_cvat.py::cvat_shows_each_box_of_the_log",
        "label-studio": "identity/test_export_label_studio.py::a_region_is_not_drawn_on",
        "coco": "identity/test_export_coco.py::pycocotools_finds_each_box",
        "supervision": "identity/test_export_supervision.py::detections_made_of_the_file",
        "gsr": "identity/test_exports.py::game_state_holds_what_its_evaluator_takes",
    },
}


@pytest.mark.parametrize(("page", "heading"), ROWS, ids=lambda word: word.strip("# "))
def test_every_row_of_the_docs_has_its_test(page: str, heading: str) -> None:
    text = f"\n{(DOCS / page).read_text(encoding='utf-8')}"
    section = re.split(r"\n#+ ", text.split(f"\n{heading}\n", 1)[1])[0]
    first = re.findall(r"^\| (.+?) \|", section, re.M)
    cells = [cell.replace("`", "") for cell in first if cell not in HEADERS]
    assert cells == list(ROWS[page, heading])


@pytest.mark.parametrize("test", sorted({test for rows in ROWS.values() for test in rows.values()}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def test_{name}" in (TESTS / file).read_text(encoding="utf-8")
