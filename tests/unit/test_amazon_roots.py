"""The short list of root certificates that functions check AWS by."""

import ssl

import certifi

from local.processes import ROOT


def roots(file: str) -> dict[str, bytes]:
    """The certificates of Amazon Trust Services in a bundle, by their subjects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    found = {}
    for described, certificate in zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True):
        subject = str(described["subject"])
        if "'Amazon'" in subject or "Starfield Services" in subject:
            found[subject] = certificate
    return found


def test_it_has_amazons_roots_as_browsers_know_them_and_no_others() -> None:
    own = ROOT / "src/core/amazon_roots.pem"
    assert roots(str(own)) == roots(certifi.where())
    assert own.read_text().count("BEGIN CERTIFICATE") == len(roots(str(own))) == 5
