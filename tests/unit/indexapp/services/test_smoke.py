import pytest
from tests.factories.publishing import upload
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.database

def test_a(cast, machine, main):
    upload(main)
    a = machine.get("/simple/acme-tool/", **cast.bearer("reader"))
    assert a.status == 200, a.body
    b = machine.get("/simple/acme-tool/")
    assert b.status == 401

@pytest.mark.django_db(transaction=True)
def test_b(cast, machine, main):
    test_a(cast, machine, main)
