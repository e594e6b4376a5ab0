from affexion_core.store.session import reading


def test_reads(store):
    with reading(store) as connection:
        assert connection.exec_driver_sql("select count(*) from clip").scalar() == 0


def test_reads2(store):
    with reading(store) as connection:
        assert connection.exec_driver_sql("select count(*) from clip").scalar() == 0
