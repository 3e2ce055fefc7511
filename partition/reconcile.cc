// SPDX-License-Identifier: MIT
#include "partition/reconcile.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "base/error.h"
#include "partition/absorb.h"
#include "partition/apply.h"
#include "partition/forks.h"
#include "partition/irqbalance.h"

namespace kvmrt::partition {
namespace {

/// What a change did beside itself shows in the next look; more looks than this mean a quarrel.
constexpr int kMostPasses = 8;

/// irqbalance takes note at once and shows it at its next round.
bool lags(const std::string& knob) { return knob == kBalancerKnob; }

std::string id_of(const Step& step) {
  return step.act == Step::Act::mask ? affinity_knob(step.task) : step.change.knob;
}

/// The kernel rewrites masks with these: what is left to be done to them shows in the next look,
/// and a mask that is right already is not asked for (from 6.2 on that would outlive the
/// partition).
bool clobbers_masks(const Step& step) {
  return is_partition_knob(step.change.knob) || step.change.knob.ends_with("/online");
}

Problem failure(const std::string& code, const std::string& message, Severity severity) {
  return {severity, code, "", "", message, "", {}};
}

class Settler {
 public:
  Settler(Host& host, Ledger& ledger, const Save& save, Resolve resolve)
      : host_(host), ledger_(ledger), save_(save), resolve_(resolve) {}

  Settled run(std::vector<Lease> leases) {
    HostState state = read_state(host_, interest_of(ledger_, leases));
    settled_.problems = absorb(state, ledger_);
    ledger_.leases = std::move(leases);
    plan_pages(state);
    Desired wanted = desired(state, ledger_);
    auto steps = diff(state, ledger_, wanted);
    remember_outgoing(wanted, state, ledger_);
    record(state, wanted, ledger_);
    taken_ = divide(state, ledger_).taken;
    if (!steps.empty()) {
      begin();
      state = passes(std::move(steps), wanted);
    }
    close(state, wanted);
    return std::move(settled_);
  }

 private:
  void plan_pages(const HostState& state) {
    std::erase_if(ledger_.pages,
                  [this](const auto& entry) { return ledger_.find(entry.first) == nullptr; });
    for (const Lease& lease : ledger_.leases) reserve_pages(state, lease, ledger_);
  }

  /// Refused here, nothing was touched: then the ledger is not pending.
  void begin() {
    const bool before = std::exchange(ledger_.pending, true);
    try {
      save_now();
    } catch (const SystemError&) {
      ledger_.pending = before;
      throw;
    }
  }

  /// A release goes on without its record on a full disk: the guest is gone, the host should be
  /// whole again rather than known to be broken.
  void save_now() {
    try {
      save_(ledger_);
    } catch (const SystemError& error) {
      if (resolve_ == Resolve::strict) throw;
      settled_.left.push_back(failure("ledger-not-written", error.what(), Severity::error));
    }
  }

  /// Performs, looks again, performs what side effects there were. Answers the last look.
  HostState passes(std::vector<Step> steps, Desired& wanted) {
    HostState state;
    Sweeps sweeps = sweeps_for(steps);
    for (int pass = 0; pass < kMostPasses && !steps.empty(); ++pass) {
      perform_all(steps, pass == 0);
      forks_ = forks_since_boot(host_);
      state = read_state(host_, interest_of(ledger_, {}));
      steps = judge_again(state, wanted);
      for (; steps.empty() && !sweeps.empty(); sweeps = sweeps.subspan(1)) {
        if (sweep(sweeps.front(), state)) steps = judge_again(state, wanted);
      }
    }
    for (const Step& step : steps) unsettled(step);
    tell_lagging();
    return state;
  }

  using Sweeps = std::span<const std::chrono::milliseconds>;

  [[nodiscard]] Sweeps sweeps_for(const std::vector<Step>& steps) const {
    const bool masks = std::any_of(steps.begin(), steps.end(), [](const Step& step) {
      return step.act == Step::Act::mask || clobbers_masks(step);
    });
    if (!masks) return {};
    return resolve_ == Resolve::strict ? Sweeps(kSweepsAtAcquire) : Sweeps(kSweepsAtRelease);
  }

  void perform_all(const std::vector<Step>& steps, bool first) {
    errors_.clear();
    refused_.clear();
    const bool clobbers = first && std::any_of(steps.begin(), steps.end(), clobbers_masks);
    for (const Step& step : steps) {
      if (!clobbers || step.act != Step::Act::mask) perform_one(step);
    }
    // Beside a failure a refusal may be its consequence: tried again with it.
    if (errors_.empty()) given_up_.insert(refused_.begin(), refused_.end());
  }

  /// What is left to be done as the host is now.
  std::vector<Step> judge_again(const HostState& state, Desired& wanted) {
    learn_newborn(state);
    wanted = desired(state, ledger_);
    auto steps = diff(state, ledger_, wanted);
    std::erase_if(steps, [this](const Step& step) {
      return lags(step.change.knob) || given_up_.contains(id_of(step));
    });
    record(state, wanted, ledger_);
    return steps;
  }

  /// Looks at the tasks again after that time; false when none was born meanwhile.
  bool sweep(std::chrono::milliseconds after, HostState& state) {
    if (!forks_) return false;
    std::this_thread::sleep_for(after);
    const auto forks = forks_since_boot(host_);
    if (forks == forks_) return false;
    forks_ = forks;
    state.tasks = host_.tasks();
    return true;
  }

  /// Forked while we worked: pending keeps the others' records as they are.
  void learn_newborn(const HostState& state) {
    const bool pending = std::exchange(ledger_.pending, true);
    auto ignored = absorb(state, ledger_);
    ledger_.pending = pending;
  }

  void perform_one(const Step& step) {
    try {
      judge(step, perform(host_, step));
      settled_.steps.push_back(step);
    } catch (const SystemError& error) {
      if (resolve_ == Resolve::strict) throw;
      errors_.insert_or_assign(id_of(step), error.what());
    }
  }

  void judge(const Step& step, Outcome outcome) {
    if (outcome == Outcome::done) return;
    // What we changed before can be changed back; a refusal now is a failure to be tried again.
    if (outcome == Outcome::managed && resolve_ == Resolve::best && changed_by_us(step))
      throw SystemError("write", step.change.knob, EIO);
    refused_.insert(id_of(step));
    if (outcome == Outcome::managed) tell_managed(step);
    if (outcome == Outcome::stuck) {
      settled_.problems.push_back(
          failure("task-not-movable",
                  fmt::format("{} ({}) stays on CPUs {}: a cpuset of its own holds it",
                              step.change.reason, to_string(step.task), step.before.list()),
                  Severity::warning));
    }
  }

  /// Where an interrupt goes in truth; its mask may be wider.
  CpuSet effective(const std::string& knob) {
    const auto text = host_.read(knob.substr(0, knob.rfind('/')) + "/effective_affinity_list");
    return text ? CpuSet::from_list(*text).value_or(CpuSet{}) : CpuSet{};
  }

  void tell_managed(const Step& step) {
    const std::string& knob = step.change.knob;
    CpuSet cpus = effective(knob);
    if (cpus.empty()) cpus = CpuSet::from_list(step.change.before).value_or(CpuSet{});
    if (!cpus.intersects(taken_)) return;
    settled_.problems.push_back(failure(
        "irq-managed",
        fmt::format("{} stays on CPU {}: the kernel manages this interrupt; it fires there only "
                    "for work submitted there",
                    knob, cpus.list()),
        Severity::warning));
  }

  /// x86 moves a vector at its next interrupt: an idle one still points at the old CPU.
  void tell_lagging() {
    std::string late;
    for (const Step& step : settled_.steps) {
      const std::string& knob = step.change.knob;
      if (!knob.ends_with("/smp_affinity_list") || given_up_.contains(knob)) continue;
      if (!effective(knob).intersects(taken_)) continue;
      const std::string_view folder(knob.data(), knob.rfind('/'));
      late += (late.empty() ? "" : ",") + std::string(folder.substr(folder.rfind('/') + 1));
    }
    if (late.empty()) return;
    settled_.problems.push_back(
        failure("irq-lags",
                fmt::format("interrupts {} leave the owned CPUs with their next occurrence", late),
                Severity::warning));
  }

  [[nodiscard]] bool changed_by_us(const Step& step) const {
    const auto record = ledger_.knobs.find(step.change.knob);
    return record != ledger_.knobs.end() &&
           !same_value(step.change.knob, record->second.original, step.change.before);
  }

  void unsettled(const Step& step) {
    const std::string id = id_of(step);
    const auto error = errors_.find(id);
    const Change change = change_of(step);
    const std::string text = error != errors_.end()
                                 ? error->second
                                 : fmt::format("{} reads {}, wanted {}: someone changes it back",
                                               id, change.before, change.after);
    // Kworkers come and go with every look; the drift check sees to those born since. One that was
    // told and does not hold it is another matter.
    if (step.act == Step::Act::policy && error == errors_.end() && !was_performed(id)) return;
    unsettled_.insert(id);
    if (step.act == Step::Act::mask && errors_.empty()) {
      settled_.problems.push_back(failure("task-not-movable", text, Severity::warning));
      given_up_.insert(id);
    } else if (resolve_ == Resolve::strict) {
      throw SystemError("hold", text, EBUSY);
    } else {
      settled_.left.push_back(failure("not-restored", text, Severity::error));
    }
  }

  [[nodiscard]] bool was_performed(const std::string& id) const {
    return std::any_of(settled_.steps.begin(), settled_.steps.end(),
                       [&id](const Step& step) { return id_of(step) == id; });
  }

  /// What is back at its original leaves the ledger.
  void close(const HostState& state, const Desired& wanted) {
    for (auto at = ledger_.knobs.begin(); at != ledger_.knobs.end();)
      at = settled(state, wanted, at->first, at->second) ? ledger_.knobs.erase(at) : std::next(at);
    close_tasks(state);
    ledger_.pending = !settled_.left.empty();
    if (!ledger_.pending) ledger_.outgoing.clear();
    if (ledger_.pending && resolve_ == Resolve::best && ledger_.leases.empty())
      drop_settled_tasks();
    save_now();
  }

  bool settled(const HostState& state, const Desired& wanted, const std::string& knob,
               KnobRecord& record) {
    const auto wish = wanted.knobs.find(knob);
    const bool given_up = given_up_.contains(knob);
    const auto current = state.knobs.find(knob);
    const std::string value = current == state.knobs.end() ? "" : current->second;
    if (given_up && same_value(knob, value, record.original)) return true;
    if (given_up && wish != wanted.knobs.end() &&
        same_value(knob, wish->second.value, record.original))
      return true;
    if (wish == wanted.knobs.end()) return true;
    if (given_up) record.written = value;
    return !wish->second.keep && same_value(knob, wish->second.value, record.original) &&
           (lags(knob) || in_place(state, knob, record.original));
  }

  void close_tasks(const HostState& state) {
    for (const Task& task : state.tasks) {
      const auto at = ledger_.masks.find(task.tid.value());
      if (at != ledger_.masks.end() && given_up_.contains(affinity_knob(task.tid)))
        at->second.written = task.cpus;
      const auto policy = ledger_.policies.find(task.tid.value());
      if (policy != ledger_.policies.end() && policy->second.written == policy->second.original &&
          task.scheduling == policy->second.original)
        ledger_.policies.erase(policy);
    }
    const Division division = divide(state, ledger_);
    if (!division.taken.empty()) return;
    if (settled_.left.empty()) ledger_.masks.clear();
  }

  /// Of a release that failed in part, only tasks that are not where they were stay recorded.
  void drop_settled_tasks() {
    std::erase_if(ledger_.masks, [this](const auto& entry) {
      return !unsettled_.contains(affinity_knob(Tid(entry.first)));
    });
  }

  Host& host_;
  Ledger& ledger_;
  const Save& save_;
  Resolve resolve_;
  Settled settled_;
  CpuSet taken_;
  std::optional<std::uint64_t> forks_;         ///< counted at the last look; none: no live kernel
  std::set<std::string> given_up_;             ///< not tried again; told as problems where worth it
  std::set<std::string> refused_;              ///< of this pass
  std::set<std::string> unsettled_;            ///< at the end
  std::map<std::string, std::string> errors_;  ///< of the last pass: knob → message
};

}  // namespace

Settled settle(Host& host, Ledger& ledger, std::vector<Lease> leases, const Save& save,
               Resolve resolve) {
  return Settler(host, ledger, save, resolve).run(std::move(leases));
}

std::vector<Step> foresee(const HostState& state, Ledger ledger, std::vector<Lease> leases,
                          Problems& problems) {
  problems = absorb(state, ledger);
  ledger.leases = std::move(leases);
  for (const Lease& lease : ledger.leases) reserve_pages(state, lease, ledger);
  return diff(state, ledger, desired(state, ledger));
}

}  // namespace kvmrt::partition
