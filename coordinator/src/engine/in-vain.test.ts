// The alarm for effects that go round in circles.
import t from 'tap'
import { InVain } from './in-vain.ts'

void t.test('what is done in vain as fast as it fails is noticed within a second, by its key', async (t) => {
  const inVain = new InVain()
  let noticed = -1
  for (let now = 5000; now < 6000 && noticed < 0; now += 8) if (inVain.tooOften('audit', now)) noticed = now - 5000
  t.equal(noticed, 160)
  t.notOk(inVain.tooOften('look a', 5100), 'another effect has its own count')
  t.notOk(inVain.tooOften('audit', 6000), 'a second later it counts from one again')
})

void t.test('five looks a second, for as long as it takes, are no circle', async (t) => {
  const inVain = new InVain()
  t.notOk(Array.from({ length: 500 }, (_, index) => inVain.tooOften('look a', index * 200)).includes(true))
})
