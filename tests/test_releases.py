"""Every builder on a tree in the official layout: exactly the expected rows, what is missing."""

from __future__ import annotations

import hashlib

import fixture_trees
import pytest

from asglib.data import index as datasets
from asglib.data import listing
from asglib.data.listing import DataError
from asglib.data.releases import music, sounds, speech, video


def rows(frame, *columns):
    return list(frame[list(columns)].itertuples(index=False, name=None))


def expect(frame, columns, expected, missing=(), empty=()):
    assert rows(frame, *columns) == expected
    assert frame.attrs["missing"] == list(missing)
    assert frame.attrs["empty"] == list(empty)


def crossing(frame, *splits):
    """Groups that are in more than one of the splits."""
    chosen = frame[frame.split.isin(splits) & (frame.group != "")]
    assert len(chosen)
    return sorted(chosen.groupby("group").split.nunique().loc[lambda count: count > 1].index)


def test_audioset(tmp_path):
    frame = video.audioset(fixture_trees.audioset(tmp_path))
    male = "Male speech, man speaking"
    expect(
        frame,
        ("path", "label", "split"),
        [
            ("16k/_under_scor_30.wav", f"{male};Speech", "train"),
            ("Speak/two_copies-_5.0-15.0.wav", "Speech", "train"),
            ("audio/eval/_/0/-0RWZT-miFs_420.000.flac", male, "test"),
            ("audio/eval/hf_hf_hf_hf.flac", "Fly, housefly", "test"),
            ("audio/eval/undecodable.wav", "Speech", "test"),
            ("audio/msmsmsmsmsm_20000_30000.flac", "Speech;Fly, housefly", "train"),
            ("audios/balanced_train_segments/YYbegins_Y00.wav", "Speech", "train"),
            ("audios/eval_segments/Y--4gqARaEJE.wav", "Speech;nan", "test"),
            (
                f"audios/{fixture_trees.PART}/moremoremor_390.0-400.0.wav",
                male,
                "train",
            ),
        ],
        ["not-there--"],
        ["audio/zero-length.wav"],
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_of_several_copies_the_first_that_is_not_empty_counts_whatever_the_order(
    tmp_path, monkeypatch, backwards
):
    folder = fixture_trees.audioset(tmp_path)

    def by_path(folder):
        return sorted(listing.walk(folder), reverse=backwards)

    monkeypatch.setattr(video, "walk", by_path)
    copies = [path for path in video.audioset(folder).path if "two_copies" in path]
    assert copies == ["Speak/two_copies-_5.0-15.0.wav"]


def test_audioset_classes_are_the_display_names_in_the_published_order(tmp_path):
    folder = fixture_trees.audioset(tmp_path)
    assert tuple(video.audioset(folder).attrs["classes"]["label"]) == (
        "Speech",
        "Male speech, man speaking",
        "nan",
        "Fly, housefly",
    )


@pytest.mark.parametrize(
    "stem, expected",
    [
        ("Yabcdefghij", ("Yabcdefghij", "")),  # the id itself begins with Y
        ("YYabcdefghij", ("Yabcdefghij", "")),
        ("Y--4gqARaEJE", ("--4gqARaEJE", "")),
        ("--4gqARaEJE_20.000", ("--4gqARaEJE", "_20.000")),
        (
            "Yabcdefghijk",
            ("abcdefghijk", ""),
        ),  # both readings are listed: the one that uses the whole name
        ("--4gqARaEJEcut", ("--4gqARaEJE", "cut")),  # EVAR: whatever follows
        ("4gqARaEJE--", None),
        ("", None),
        ("Y", None),
    ],
)
def test_audioset_names(stem, expected):
    assert video.youtube_id(stem, {"Yabcdefghij", "--4gqARaEJE", "abcdefghijk"}) == expected


@pytest.mark.parametrize(
    "number", [4, 8]
)  # a spreadsheet takes ids that begin with "-", as the first do, for sums
def test_audioset_list_with_a_broken_line_is_refused(tmp_path, number):
    folder = fixture_trees.audioset(tmp_path)
    path = folder / "metadata/eval_segments.csv"
    lines = path.read_text().splitlines()
    lines.insert(number - 1, '#NAME?, 0.000, 10.000, "/m/09x0r"')
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=f"eval_segments.csv, line {number} is no segment: put"):
        video.audioset(folder)


def test_audioset_without_lists_says_what_to_do(tmp_path):
    folder = fixture_trees.audioset(tmp_path)
    for path in folder.glob("metadata/*_segments.csv"):
        path.unlink()
    with pytest.raises(DataError, match="no segment list .* download"):
        video.audioset(folder)


def test_vggsound(tmp_path):
    folder = fixture_trees.vggsound(tmp_path)
    frame = video.vggsound(folder)
    expect(
        frame,
        ("path", "label", "split", "group"),
        [
            ("audio/---g-f_I2yQ_000001.wav", "people marching", "test", "---g-f_I2yQ"),
            ("audio/-1oRfe0FQI8_000060.wav", "railroad car, train wagon", "train", "-1oRfe0FQI8"),
            ("audio/-40DA8RPuq0_000034.wav", "null", "train", "-40DA8RPuq0"),
            ("audio/-40DA8RPuq0_000216.wav", "null", "train", "-40DA8RPuq0"),
            ("audio/silenceclip.wav", "people marching", "train", "silenceclip"),
            ("audio/undecodable_000004.wav", "null", "train", "undecodable"),
            ("more/hpDY7u8B8hE_5000_15000.flac", "NA", "train", "hpDY7u8B8hE"),
        ],
        ["gone_gone_g_000007"],
        ["audio/zero-length_000003.wav"],
    )
    assert tuple(frame.attrs["classes"]["label"]) == (
        "NA",
        "null",
        "people marching",
        "railroad car, train wagon",
    )


def test_vggsound_from_the_lists_of_the_repository(tmp_path):
    folder = fixture_trees.vggsound(tmp_path)
    (folder / "vggsound.csv").unlink()
    fixture_trees.text(folder / "data/test.csv", "---g-f_I2yQ_000001.mp4,people marching\n", "\r\n")
    fixture_trees.text(folder / "data/train.csv", "-40DA8RPuq0_000034.mp4,null\n", "\r\n")
    assert rows(video.vggsound(folder), "path", "label", "split") == [
        ("audio/---g-f_I2yQ_000001.wav", "people marching", "test"),
        ("audio/-40DA8RPuq0_000034.wav", "null", "train"),
    ]


def librispeech_rows(splits):
    return [
        (
            f"train-clean-100/{name.split('-')[0]}/{name.split('-')[1]}/{name}.flac",
            name.split("-")[0],
            split,
        )
        for name, split in splits.items()
    ]


def test_librispeech_by_our_rule(tmp_path):
    folder = fixture_trees.librispeech(tmp_path)
    expect(
        speech.librispeech(folder),
        ("path", "speaker", "split"),
        librispeech_rows(
            {
                "103-1240-0000": "test",
                "103-1240-0001": "train",
                "103-1241-0000": "train",  # smallest SHA-256: 023efe9d...
                "60-121082-0000": "train",
                "60-121082-0001": "train",
                "60-121083-0000": "test",
                "60-121083-0001": "train",
            }
        ),  # 4e8dbbd0...
        ["train-clean-100/103/1241/103-1241-0001.flac"],
    )


def test_librispeech_by_the_published_lists(tmp_path):
    frame = speech.librispeech(fixture_trees.librispeech(tmp_path, split_lists=True))
    expect(
        frame,
        ("path", "speaker", "split"),
        librispeech_rows(
            {
                "103-1240-0000": "train",
                "103-1240-0001": "test",
                "103-1241-0000": "test",
                "60-121082-0000": "train",
                "60-121082-0001": "train",
                "60-121083-0000": "test",
            }
        ),
        ["train-clean-100/103/1241/103-1241-0001.flac"],
    )
    (
        tmp_path / "LibriSpeech/test_split.txt"
    ).unlink()  # half a split is none, and ours would be another
    with pytest.raises(DataError, match="test_split.txt does not exist"):
        speech.librispeech(tmp_path / "LibriSpeech")


def test_speech_commands_v2(tmp_path):
    frame = speech.speech_commands_v2(fixture_trees.speech_commands(tmp_path, "v0.02"))
    parts = {"0165e0e8": "train", "1a2b3c4d": "valid", "ffffffff": "test"}
    words = [
        (f"{word}/{speaker}_nohash_0.wav", word, split, speaker)
        for word in ("backward", "stop", "yes", "zero")
        for speaker, split in parts.items()
    ]
    words.insert(7, ("yes/0165e0e8_nohash_1.wav", "yes", "train", "0165e0e8"))
    expect(
        frame,
        ("path", "word", "split", "group"),
        words,
        ["yes/ffffffff_nohash_1.wav"],
        ["stop/0165e0e8_nohash_1.wav"],
    )
    assert crossing(frame, "train", "valid", "test") == []


def test_speech_commands_v1_has_ten_words_and_silence_cut_from_the_noise_files(tmp_path):
    frame = speech.speech_commands_v1(fixture_trees.speech_commands(tmp_path, "v0.01"))
    pink, tap, noise = (
        f"_background_noise_/{name}.wav" for name in ("pink_noise", "running_tap", "white_noise")
    )
    words = frame[frame.word != "silence"]
    expect(
        frame,
        ("path", "word", "split"),
        [
            (
                pink,
                "silence",
                "train",
            ),  # cannot be decoded: a row for `prepare` and the study to name
            (tap, "silence", "valid"),
            (tap, "silence", "valid"),
            (tap, "silence", "valid"),
            (noise, "silence", "train"),
            (noise, "silence", "train"),
            ("stop/0165e0e8_nohash_0.wav", "stop", "train"),
            ("stop/1a2b3c4d_nohash_0.wav", "stop", "valid"),
            ("stop/ffffffff_nohash_0.wav", "stop", "test"),
            ("test_set/_silence_/running_tap_0.wav.wav", "silence", "test"),
            ("yes/0165e0e8_nohash_0.wav", "yes", "train"),
            ("yes/0165e0e8_nohash_1.wav", "yes", "train"),
            ("yes/1a2b3c4d_nohash_0.wav", "yes", "valid"),
            ("yes/ffffffff_nohash_0.wav", "yes", "test"),
        ],
        ["yes/ffffffff_nohash_1.wav"],
        ["stop/0165e0e8_nohash_1.wav"],
    )
    assert rows(frame[frame.start.notna()], "start", "stop") == [
        (0, 1),
        (0.5, 1.5),
        (1, 2),
        (0, 1),
        (0.5, 1.5),
    ]
    assert words.start.isna().all() and set(words.group) == {"0165e0e8", "1a2b3c4d", "ffffffff"}
    assert crossing(frame, "train", "valid", "test") == []
    assert len(datasets.DATASETS["speech_commands_v1"].tasks["words"].classes) == 11


def test_voxceleb1(tmp_path):
    folder = fixture_trees.voxceleb1(tmp_path)
    frame = speech.voxceleb1(folder)
    expect(
        frame,
        ("path", "speaker", "split", "group"),
        [
            ("dev/wav/id10001/-ZcIwhmdeo4/00001.wav", "id10001", "valid", "id10001/-ZcIwhmdeo4"),
            ("dev/wav/id10001/1zcIwhmdeo4/00001.wav", "id10001", "train", "id10001/1zcIwhmdeo4"),
            ("dev/wav/id10001/7w0IBEWc9Qw/00001.wav", "id10001", "test", "id10001/7w0IBEWc9Qw"),
            ("dev/wav/id10002/0_laIeN-Q44/00001.wav", "id10002", "train", "id10002/0_laIeN-Q44"),
            ("test/wav/id10270/5r0dWxy17C8/00001.wav", "id10270", "test", "id10270/5r0dWxy17C8"),
        ],
        ["dev/wav/id10002/0_laIeN-Q44/00002.wav"],
    )
    assert crossing(frame, "train", "valid", "test") == []
    (folder / "dev/wav").rename(folder / "wav")  # torchaudio's layout
    assert (
        frame.path.str.removeprefix("dev/").tolist()
        == speech.voxceleb1(folder)
        .path.sort_values(key=lambda path: path.str.startswith("test/"))
        .tolist()
    )


def test_voxceleb1_refuses_a_line_that_is_none(tmp_path):
    folder = fixture_trees.voxceleb1(tmp_path)
    fixture_trees.text(
        folder / "iden_split.txt",
        "\n1 id10001/1zcIwhmdeo4/00001.wav\n4 id10001/1zcIwhmdeo4/00002.wav\n",
    )
    with pytest.raises(DataError, match="line 3"):  # the blank one counts, as in an editor
        speech.voxceleb1(folder)


def test_nsynth_keeps_synth_lead_at_index_9(tmp_path):
    frame = music.nsynth(fixture_trees.nsynth(tmp_path))
    task = datasets.DATASETS["nsynth"].tasks["family"]
    expect(
        frame,
        ("path", "family", "split", "group"),
        [
            (
                "nsynth-test/audio/vocal_acoustic_000-055-025.wav",
                "vocal",
                "test",
                "vocal_acoustic_000",
            ),
            (
                "nsynth-train/audio/guitar_acoustic_010-066-100.wav",
                "guitar",
                "train",
                "guitar_acoustic_010",
            ),
            (
                "nsynth-train/audio/synth_lead_synthetic_003-050-075.wav",
                "synth_lead",
                "train",
                "synth_lead_synthetic_003",
            ),
            (
                "nsynth-valid/audio/bass_synthetic_033-022-050.wav",
                "bass",
                "valid",
                "bass_synthetic_033",
            ),
        ],
        ["nsynth-test/audio/reed_acoustic_011-030-127.wav"],
    )
    assert datasets.label_ids(frame, task)[0].tolist() == [10, 3, 9, 0]
    assert len(task.classes) == 11 and crossing(frame, "train", "test") == []


def test_nsynth_names_a_split_that_is_not_there(tmp_path):
    folder = fixture_trees.nsynth(tmp_path)
    (folder / "nsynth-valid/examples.json").unlink()
    frame = music.nsynth(folder)
    assert (
        set(frame.split) == {"train", "test"}
        and "nsynth-valid/examples.json" in frame.attrs["missing"]
    )


def test_musan(tmp_path):
    frame = music.musan(fixture_trees.musan(tmp_path))
    fma = "music/fma/music-fma-000"
    expect(
        frame,
        ("path", "kind", "split"),
        [
            (f"{fma}0.wav", "music", "test"),
            (f"{fma}1.wav", "music", "train"),
            (f"{fma}2.wav", "music", "train"),
            (f"{fma}3.wav", "music", "train"),
            (f"{fma}4.wav", "music", "train"),  # smallest SHA-256: 46004ed4..., 0000
            ("noise/sound-bible/noise-sound-bible-0000.wav", "noise", "train"),
            ("speech/us-gov/speech-us-gov-0000.wav", "speech", "train"),
            ("speech/us-gov/speech-us-gov-0001.wav", "speech", "test"),  # 1b830396...
        ],
        [f"{fma}9.wav"],
    )


@pytest.mark.parametrize("name", ["ESC-50-master", "ESC-50", "ESC-10"])
def test_esc50(tmp_path, name):
    folder = fixture_trees.esc50(tmp_path, name)
    frame = sounds.esc50(folder)
    present = [
        (fold, target, label)
        for fold in range(1, 6)
        for target, label in ((14, "NA"), (2, "dog"))
        if (fold, target) not in ((3, 2), (4, 14))
    ]
    expected = [
        (
            f"audio/{fold}-10{fold}-A-{target}.wav",
            label,
            fold,
            "test" if fold == 5 else "train",
            f"10{fold}",
        )
        for fold, target, label in present
        if (fold, target) != (2, 2)
    ]
    expected.append(("audio/dog_2-102-A-2.wav", "dog", 2, "train", "102"))
    expect(
        frame,
        ("path", "category", "fold", "split", "group"),
        expected,
        ["audio/4-104-A-14.wav"],
        ["audio/3-103-A-2.wav"],
    )
    # by target number, not by the order of rows or letters
    assert frame.attrs["classes"] == {"category": ["dog", "NA"]}
    assert crossing(frame, "train", "test") == []


def test_what_is_no_fold_is_one_sentence_that_names_the_list(tmp_path):
    listing = fixture_trees.esc50(tmp_path) / "meta/esc50.csv"
    listing.write_text(listing.read_text().replace(",1,", ",one,"))
    with pytest.raises(
        DataError, match="esc50.csv, line 2: 'one' is no fold: put the release's own file back"
    ):
        sounds.esc50(listing.parents[1])
    key = fixture_trees.dcase2013(tmp_path) / "dcase2013_task1_filenamekey.csv"
    key.write_text(key.read_text().replace("fold3", "fold"))
    with pytest.raises(DataError, match="filenamekey.csv, line 2: 'fold' is no fold"):
        sounds.dcase2013(key.parent)


def test_fsdd(tmp_path):
    frame = speech.fsdd(fixture_trees.fsdd(tmp_path))
    present = [(digit, i) for digit in (0, 7) for i in (0, 4, 49, 5)]
    assert rows(frame, "path", "digit", "speaker", "split") == [
        (f"recordings/{digit}_theo_{i}.wav", str(digit), "theo", "test" if i < 5 else "train")
        for digit, i in present
    ]
    assert (
        len(frame.attrs["missing"]) == 500 - 8
        and "recordings/7_theo_48.wav" in frame.attrs["missing"]
    )


def test_notes(tmp_path):
    frame = music.notes(fixture_trees.notes(tmp_path))
    expect(
        frame,
        ("path", "instrument", "family", "octave", "split", "group"),
        [
            ("audio/cello/0.wav", "cello", "string", "2", "train", "cello A#2"),
            ("audio/cello/1.wav", "cello", "string", "2", "train", "cello A#2"),
            ("audio/oboe/2.wav", "oboe", "woodwind", "6", "test", "oboe C6"),
        ],
    )


def test_notes_of_one_pitch_in_both_parts_are_refused(tmp_path):
    with pytest.raises(DataError, match="notes.csv, line 3 puts cello A#2 in two splits"):
        music.notes(fixture_trees.notes(tmp_path, crossing=True))


def test_an_item_of_desed_events_is_an_event(tmp_path):
    frame = sounds.desed_events(fixture_trees.desed_events(tmp_path))
    train = "dataset/audio/validation/validation/Y00pbt6aJV8Y_350.000_360.000.wav"
    test = "dataset/audio/eval/public/Yo0FgMWTUE1_120_130.wav"
    gone = "dataset/audio/eval/public/gonegonego1_0_10.wav"
    expect(
        frame,
        ("path", "label", "split", "group", "start", "stop"),
        [
            (test, "Speech", "test", "Yo0FgMWTUE1", 0.0, 0.208),
            (test, "Dog", "test", "Yo0FgMWTUE1", 0.3, 0.6),
            (train, "Speech", "train", "00pbt6aJV8Y", 0.0, 0.2),
            (train, "Vacuum_cleaner", "train", "00pbt6aJV8Y", 0.0, 0.9),
            (train, "Dog", "train", "00pbt6aJV8Y", 0.1, 0.3),
            (train, "Dog", "train", "00pbt6aJV8Y", 0.5, 0.7),
        ],
        [gone],
    )


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ("1.0\t1.0", "line 2: an event ends before it begins"),
        ("2.0\t1.5", "line 2: an event ends before it begins"),
        ("1,0\t2.0", "line 2: '1,0' is no onset in seconds"),
        ("1.0\tnan", "line 2: 'nan' is no offset in seconds"),
        ("-1.0\t2.0", "line 2: '-1.0' is no onset in seconds"),
    ],
)
def test_an_event_without_sound_is_named(tmp_path, times, told):
    folder = fixture_trees.desed_events(tmp_path)
    head = "filename\tonset\toffset\tevent_label\n"
    path = folder / "dataset/metadata/eval/public.tsv"
    path.write_text(f"{head}Yo0FgMWTUE1_120_130.wav\t{times}\tDog\n")
    with pytest.raises(DataError, match=f"public.tsv, {told}"):
        sounds.desed_events(folder)


def test_audioset10_has_clips_of_exactly_one_of_its_ten_classes(tmp_path, monkeypatch):
    """Class k of twelve has 12 - k train clips, so the last two are not among the ten; clips of
    two of the ten are out, one of a class beyond them is in."""
    folder, letters = tmp_path / "audioset", "abcdefghijkl"
    names = "".join(f"{i},/m/{i:03d},{letter}\n" for i, letter in enumerate(letters))
    fixture_trees.text(folder / "class_labels_indices.csv", f"index,mid,display_name\n{names}")
    clips = {  # id: classes
        f"train{letters[k]}{n:05d}": [k] for k in range(12) for n in range(12 - k)
    }
    clips |= {"trainboth00": [0, 1], "traintwo-00": [2, 11]}
    test = {f"eval_{letters[k]}{n:05d}": [k] for k in (0, 10) for n in range(6)}
    for name, part in (("balanced_train_segments.csv", clips), ("eval_segments.csv", test)):
        lines = (
            f'{ytid}, 0.000, 10.000, "{",".join(f"/m/{k:03d}" for k in ks)}"\n'
            for ytid, ks in part.items()
        )
        fixture_trees.text(folder / name, fixture_trees.AUDIOSET_HEADER + "".join(lines))
        for ytid in part:
            fixture_trees.clip(folder / f"audio/{ytid}.wav", 0.05)
    frame = video.audioset10(folder)
    ids = frame.path.str.extract(r"audio/(.{11})")[0]
    mine = [ytid for ytid, ks in clips.items() if len([k for k in ks if k < 10]) == 1]
    eval_a = [ytid for ytid in test if test[ytid] == [0]]
    assert set(ids) == {*mine, *eval_a} and "traintwo-00" in mine
    assert frame[ids == "traintwo-00"].label.item() == "c"
    assert list(frame.attrs["classes"]["label"]) == list(letters[:10])
    assert not frame.attrs["missing"] and set(frame.group) == {""}
    monkeypatch.setattr(video, "PICKED", {"train": 5, "test": 2})
    few = video.audioset10(folder)
    first = sorted(mine, key=lambda ytid: hashlib.sha256(ytid.encode()).hexdigest())[:5]
    assert set(few[few.split == "train"].path.str[6:17]) == set(first)
    assert (few.split == "test").sum() == 2
    (folder / f"audio/{first[0]}.wav").unlink()  # the next in order takes its place
    again = video.audioset10(folder)
    assert (again.split == "train").sum() == 5 and not again.path.str.contains(first[0]).any()


def test_desed(tmp_path):
    folder = fixture_trees.desed(tmp_path)
    frame = sounds.desed(folder)
    expect(
        frame,
        ("path", "label", "split", "group"),
        [
            ("dataset/audio/eval/public/Yo0FgMWTUE1_120_130.wav", "Speech", "test", "Yo0FgMWTUE1"),
            (
                "dataset/audio/train/weak/YKK227gPpRn4_30.000_40.000.wav",
                "Alarm_bell_ringing;Speech",
                "train",
                "KK227gPpRn4",
            ),
            (
                "dataset/audio/train/weak/Yshort_clip__0.000_4.000.wav",
                "Dog",
                "train",
                "short_clip_",
            ),
            (
                "dataset/audio/validation/validation/Y00pbt6aJV8Y_350.000_360.000.wav",
                "Dog;Vacuum_cleaner",
                "valid",
                "00pbt6aJV8Y",
            ),
            (
                "dataset/audio/validation/validation/Ynothing_000_0.000_10.000.wav",
                "",
                "valid",
                "nothing_000",
            ),
        ],
        ["dataset/audio/train/weak/Y--CE2f-ttEQ_30.000_40.000.wav"],
    )
    hot, classes = datasets.label_ids(frame, datasets.DATASETS["desed"].tasks["events"])
    assert [[classes[i] for i in line.nonzero()[0]] for line in hot] == [
        ["Speech"],
        ["Alarm_bell_ringing", "Speech"],
        ["Dog"],
        ["Dog", "Vacuum_cleaner"],
        [],
    ]


def test_tut2018(tmp_path):
    frame = sounds.tut2018(fixture_trees.tut2018(tmp_path))
    expect(
        frame,
        ("path", "scene", "split", "group"),
        [
            ("audio/airport-barcelona-0-0-a.wav", "airport", "train", "barcelona-0"),
            ("audio/airport-barcelona-0-1-a.wav", "airport", "train", "barcelona-0"),
            ("audio/metro_station-paris-12-3-a.wav", "metro_station", "test", "paris-12"),
        ],
    )
    assert crossing(frame, "train", "test") == []


def test_a_clip_of_a_fold_that_has_no_label_is_missing(tmp_path):
    folder = fixture_trees.tut2018(tmp_path)
    with open(folder / "evaluation_setup/fold1_train.txt", "a") as file:
        file.write("audio/airport-lisbon-9-9-a.wav\tairport\n")
    frame = sounds.tut2018(folder)
    assert frame.attrs["missing"] == ["audio/airport-lisbon-9-9-a.wav"] and len(frame) == 3


def test_tut2018_without_labels_of_the_test_part(tmp_path):
    folder = fixture_trees.tut2018(tmp_path)
    before = sounds.tut2018(folder)
    (folder / "evaluation_setup/fold1_evaluate.txt").unlink()  # fold1_test.txt has the names alone
    assert sounds.tut2018(folder).equals(before)


def test_birds2018(tmp_path):
    frame = sounds.birds2018(fixture_trees.birds2018(tmp_path))
    expect(
        frame,
        ("path", "bird", "split"),
        [
            ("ff1010bird/wav/00064.wav", "no bird", "train"),
            ("ff1010bird/wav/2525.wav", "bird", "train"),
            *(
                (f"warblrb10k_public_wav/wav/{c}.wav", "bird", "test" if c == "d" else "train")
                for c in "abcd"
            ),
        ],
        ["warblrb10k/wav/e.wav"],
    )  # SHA-256 of "d", 18ac3e73..., is the smallest of a to e
    path = tmp_path / "birds2018/ff1010bird_metadata_2018.csv"
    path.write_text(path.read_text().replace("bird,1", "bird,yes"))
    with pytest.raises(DataError, match="2018.csv, line 3: hasbird 'yes' where 0 or 1 belongs"):
        sounds.birds2018(tmp_path / "birds2018")


def test_spoken_language_holds_out_recordings_without_their_augmented_copies(tmp_path):
    frame = speech.spoken_language(fixture_trees.spoken_language(tmp_path))
    name = "train/train/{}_m_{}.fragment{}.flac".format
    expect(
        frame,
        ("path", "language", "split", "group"),
        [
            (f"test/test/es_f_{'f' * 32}.fragment9.flac", "es", "test", "f" * 32),
            (name("de", "2" * 32, "1"), "de", "valid", "2" * 32),  # 0d6ba19b... against deb0e38c...
            *(
                (name("de", "3" * 32, i), "de", "train", "3" * 32)
                for i in ("1", "1.speed8", "2.noise12")
            ),
            (name("en", "0" * 32, "1"), "en", "valid", "0" * 32),  # 84e0c0ea... against 8a83665f...
            *(
                (name("en", "1" * 32, i), "en", "train", "1" * 32)
                for i in ("1", "1.speed8", "2.noise12")
            ),
        ],
    )
    assert crossing(frame, "train", "valid", "test") == []


def test_dcase2013_tells_equal_names_apart(tmp_path):
    frame = sounds.dcase2013(fixture_trees.dcase2013(tmp_path))
    expect(
        frame,
        ("path", "scene", "split", "fold"),
        [
            ("scenes_stereo/bus01.wav", "bus", "train", -1),
            ("scenes_stereo/tubestation10.wav", "tubestation", "train", -1),
            ("scenes_stereo_testset/bus01.wav", "bus", "test", 3),
        ],
        ["scenes_stereo_testset/park02.wav"],
    )
    (tmp_path / "dcase2013/dcase2013_task1_filenamekey.csv").unlink()
    assert sounds.dcase2013(tmp_path / "dcase2013").fold.tolist() == [-1, -1, -1]


def test_held_out_is_the_first_by_sha256_in_each_stratum():
    assert listing.held_out("abcde", "xxxxx", 0.2) == {"d"}  # 18ac3e73...
    assert listing.held_out("abcde", "xxxxx", 0.4) == {"d", "c"}  # 2e7d2c03...
    assert listing.held_out("abcde", "xxxyy", 0.2) == {"c", "d"}
    assert listing.held_out("abcde", "xxxyz", 0.99) == {
        "c",
        "b",
    }  # one always stays; a stratum of one gives none


def test_a_release_without_its_lists_is_named(tmp_path):
    (tmp_path / "set").mkdir()
    builders = [row.build for row in datasets.DATASETS.values() if not row.embedded]
    assert len(builders) >= 16
    for build in builders:
        try:
            frame = build(tmp_path / "set")
        except DataError as error:
            assert str(tmp_path / "set") in str(error) and ":" in str(error)
        else:
            assert frame.empty and list(frame)[0] == "path"
