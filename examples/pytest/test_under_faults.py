def test_trades_settle_whatever_the_line_does(lockstep_world):
    world = lockstep_world(chain="eth-tester", seed=7, faults={"loss": "0.1", "delay": "0.2", "duplicate": "0.2"})
    for number in range(3):
        cash = f"{100 + number}.00"
        world.instruct(seller="FABLZZ2A", buyer="UTOPZZ2A", isin_code="ZZ00EXB20314", quantity="100", cash=cash)
    assert world.run() == {"SETTLED": 3}
    world.finish()
