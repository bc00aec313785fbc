// A baseline somebody hands over: what loads must be usable, and come back from its own bytes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/rarity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Rarity norms;
  Reader in(bytes);
  norms.load(in);
  if (in.failed() || !in.at_end()) return 0;

  std::string saved;
  Writer out(saved);
  norms.save(out);
  Rarity again;
  Reader back(saved);
  again.load(back);
  std::string twice;
  Writer out_again(twice);
  again.save(out_again);
  if (back.failed() || saved != twice) std::abort();

  Act act{.principal = 1, .peers = 2, .account = 3, .person = 4, .prints = {}};
  act.prints.fill(7);
  std::array<std::string, factor_count> texts;
  texts.fill("seven");
  constexpr Day today = 20'500;
  const Rarity::Judgement judgement = norms.judge(act, today);
  norms.begin_day(today);
  norms.learn(act, today, texts);
  norms.note_score(act.account, judgement.of(Factor::api).total());
  if (norms.one_in(act.account, 0) == 0) std::abort();
  norms.usual(Rarity::Scope::account, act, Factor::api, today, 20);
  norms.alarm(act.principal, today);
  norms.unlearn(act, today);
  again.merge(norms);
  again.begin_day(today + 100);
  return 0;
}
