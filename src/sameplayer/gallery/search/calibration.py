"""Fitting the probabilities of a gallery's answers to persons whom its encoder never saw."""

from __future__ import annotations

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.likelihood import Likelihood


def calibrate(gallery: GalleryCore, embeddings: Embeddings, actor: str) -> Likelihood:
    """Fit the likelihood ratio that answers rest on, and keep it with the gallery, as an event.

    embeddings    of labelled pictures, made by the gallery's encoder, of persons whom it was not
                  trained on; with tracks (``sequence``) and teams where they are known. None of
                  the pictures is kept

    The size of the gallery and the share of enrolled players come in later, by Bayes' rule, so
    that the numbers hold while the gallery grows. Raises RankingError for embeddings of another
    encoder, DataError for too few persons.
    """
    if embeddings.fingerprint != gallery.settings.fingerprint:
        raise RankingError(
            f"These embeddings were made by encoder {embeddings.fingerprint}, but the gallery has "
            f"rows of {gallery.settings.fingerprint}. Embed the pictures with the gallery's."
        )
    fitted = fit_likelihood(embeddings)
    gallery.set(actor, likelihood=fitted.to_record())
    return fitted
