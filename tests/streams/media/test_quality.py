"""The E-model against its published figures and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.media.quality import CODECS, MOS_SCALE, codec_quality, e_model, voipmonitor_mos


def mos(codec: str, loss: float = 0.0, burst: float = 1.0, delay_ms: float = 0.0) -> float:
    quality = codec_quality(codec)
    assert quality is not None
    values = (quality.ie, quality.bpl, quality.r_max, MOS_SCALE[quality.model], loss, burst)
    return float(e_model(*(np.array([value], np.float64) for value in values), delay_ms)[0])


def theirs(lost: int, bursts: int, received: int) -> float:
    return float(voipmonitor_mos(np.array([lost]), np.array([bursts]), np.array([received]))[0])


@pytest.mark.parametrize(("loss", "expected"), [(0, 4.41), (1, 4.33), (5, 3.92), (10, 3.41), (20, 2.63)])
def test_g711_with_concealment_at_random_loss(loss: float, expected: float) -> None:
    assert mos("PCMU", loss) == pytest.approx(expected, abs=0.005)


def test_g729_on_the_path_of_g107_appendix() -> None:
    assert mos("G729", 2.0, delay_ms=150.0) == pytest.approx(3.62, abs=0.01)
    assert mos("PCMA", 2.0, delay_ms=150.0) == pytest.approx(4.12, abs=0.01)


def test_a_codec_without_published_impairment_has_none() -> None:
    assert codec_quality("X-NEW") is None
    assert codec_quality(None) is None


@given(
    st.sampled_from(sorted(CODECS)),
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(1, 8),
    st.floats(1, 8),
    st.floats(0, 2000),
    st.floats(0, 2000),
)
def test_mos_falls_with_loss_bursts_and_delay_and_keeps_its_bounds(
    codec: str, loss: float, more: float, burst: float, burstier: float, delay: float, later: float
) -> None:
    worse = mos(codec, max(loss, more), max(burst, burstier), max(delay, later))
    better = mos(codec, min(loss, more), min(burst, burstier), min(delay, later))
    assert 1.0 <= worse <= better + 1e-9 <= 4.5 + 1e-9


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_one_window_alone_scores_as_among_others(losses: list[float]) -> None:
    def scored(values: list[float]) -> list[float]:
        n = np.ones(len(values))
        return list(e_model(0 * n, 25.1 * n, 93.2 * n, n, np.array(values), n))

    assert scored(losses) == [scored([loss])[0] for loss in losses]


def test_the_reference_score_and_its_cliffs() -> None:
    assert theirs(4, 4, 500) == 4.5
    assert theirs(5, 5, 500) == pytest.approx(4.1, abs=0.05)
    assert theirs(260, 100, 500) == 1.0
