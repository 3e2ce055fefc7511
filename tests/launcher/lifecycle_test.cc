// SPDX-License-Identifier: MIT
#include "launcher/lifecycle.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

using std::chrono::seconds;
using Rule = profiles::Lifecycle::Action;

template <class Wanted>
bool has(const std::vector<Action>& actions) {
  return std::any_of(actions.begin(), actions.end(),
                     [](const Action& a) { return std::holds_alternative<Wanted>(a); });
}

template <class Wanted>
const Wanted& get(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (const auto* found = std::get_if<Wanted>(&action)) return *found;
  }
  throw std::logic_error("no such action");
}

constexpr QemuExited kCleanExit{.code = 0, .signal = {}};
const GuestShutdown kPowerOff{true, "guest-shutdown"};
const GuestShutdown kReset{true, "guest-reset"};

struct EndCase {
  const char* name;
  Event event;
  Rule profiles::Lifecycle::*rule;
  ExitCode code_at_end;
};

class EveryEnd : public testing::TestWithParam<EndCase> {};

TEST_P(EveryEnd, QuitsQemuAndTellsItsOwnExitCodeWhereTheRuleSaysEnd) {
  Lifecycle life;
  life.rules.*GetParam().rule = Rule::end;
  EXPECT_TRUE(has<Quit>(on_event(life, GetParam().event)));
  EXPECT_EQ(life.stage, Stage::stopping);
  on_event(life, GuestShutdown{false, "host-qmp-quit"});
  EXPECT_EQ(outcome_of(life, kCleanExit).code, GetParam().code_at_end);
}

TEST_P(EveryEnd, ResetsAndProvesAgainWhereTheRuleSaysRestart) {
  Lifecycle life;
  life.rules.*GetParam().rule = Rule::restart;
  const auto actions = on_event(life, GetParam().event);
  EXPECT_TRUE(has<Restart>(actions));
  EXPECT_FALSE(has<Quit>(actions));
  EXPECT_EQ(life.stage, Stage::running);
}

TEST_P(EveryEnd, LeavesTheGuestStoppedWhereTheRuleSaysPause) {
  Lifecycle life;
  life.rules.*GetParam().rule = Rule::pause;
  const auto actions = on_event(life, GetParam().event);
  EXPECT_FALSE(has<Restart>(actions));
  EXPECT_FALSE(has<Quit>(actions));
  EXPECT_EQ(life.stage, Stage::paused);
}

TEST_P(EveryEnd, DuringARequestedStopIsJustTheEndThatWasAskedFor) {
  Lifecycle life;
  on_event(life, StopAsked{"SIGTERM"});
  EXPECT_TRUE(has<Quit>(on_event(life, GetParam().event)));
  EXPECT_EQ(outcome_of(life, kCleanExit).code, ExitCode::done);
}

INSTANTIATE_TEST_SUITE_P(
    Lifecycle, EveryEnd,
    testing::Values(
        EndCase{"PowerOff", kPowerOff, &profiles::Lifecycle::on_poweroff, ExitCode::done},
        EndCase{"Reboot", kReset, &profiles::Lifecycle::on_reboot, ExitCode::guest_rebooted},
        EndCase{"Panic", GuestPanicked{}, &profiles::Lifecycle::on_crash, ExitCode::guest_panicked},
        EndCase{"Watchdog", WatchdogFired{}, &profiles::Lifecycle::on_watchdog,
                ExitCode::guest_watchdog},
        EndCase{"Storage", StorageFailed{"disk0", "No space left on device"},
                &profiles::Lifecycle::on_storage_error, ExitCode::storage_error}),
    [](const auto& one) { return one.param.name; });

TEST(LifecycleStop, AsksTheGuestFirstAndThenGoesFromStepToStep) {
  Lifecycle life;
  const auto first = on_event(life, StopAsked{"SIGTERM"});
  EXPECT_TRUE(has<PowerDown>(first));
  EXPECT_TRUE(has<AnnounceStopping>(first));
  EXPECT_EQ(get<ArmLimit>(first).after, life.rules.shutdown_timeout);
  EXPECT_TRUE(has<PowerDown>(on_event(life, PowerDownAgain{})));
  EXPECT_TRUE(has<Quit>(on_event(life, TimeUp{})));
  EXPECT_FALSE(has<PowerDown>(on_event(life, PowerDownAgain{})));
  EXPECT_TRUE(has<Terminate>(on_event(life, TimeUp{})));
  EXPECT_TRUE(has<Kill>(on_event(life, TimeUp{})));
  EXPECT_TRUE(has<ArmLimit>(on_event(life, TimeUp{})));
  const Outcome outcome = outcome_of(life, QemuExited{.code = {}, .signal = 9});
  EXPECT_EQ(outcome.code, ExitCode::done);
  EXPECT_TRUE(outcome.warn);
}

TEST(LifecycleStop, ASecondRequestThatHastensTakesTheNextStepAtOnce) {
  Lifecycle life;
  on_event(life, StopAsked{"SIGINT"});
  EXPECT_TRUE(on_event(life, StopAsked{"SIGTERM"}).empty());
  EXPECT_TRUE(has<Quit>(on_event(life, StopAsked{"SIGINT", true})));
  EXPECT_TRUE(has<Terminate>(on_event(life, StopAsked{"SIGINT", true})));
  EXPECT_TRUE(has<Kill>(on_event(life, StopAsked{"SIGINT", true})));
}

TEST(LifecycleStop, AGuestThatPowersOffByItselfWasNotForced) {
  Lifecycle life;
  on_event(life, StopAsked{"SIGTERM"});
  on_event(life, kPowerOff);
  EXPECT_FALSE(outcome_of(life, kCleanExit).warn);
}

TEST(LifecycleStop, APausedGuestIsEndedWithoutWaitingForIt) {
  Lifecycle life;
  on_event(life, GuestStopped{"paused"});
  ASSERT_EQ(life.stage, Stage::paused);
  EXPECT_TRUE(has<Quit>(on_event(life, StopAsked{"SIGTERM"})));
  EXPECT_TRUE(outcome_of(life, kCleanExit).warn);
}

TEST(LifecycleStop, AnAgentIsAskedBeforeThePowerButtonIsPressed) {
  Lifecycle life;
  life.agent = true;
  const auto first = on_event(life, StopAsked{"SIGTERM"});
  EXPECT_TRUE(has<AskAgent>(first));
  EXPECT_FALSE(has<PowerDown>(first));
  const auto told = on_event(life, AgentTold{});
  EXPECT_FALSE(has<PowerDown>(told));
  EXPECT_TRUE(has<ArmRepeat>(told));
  EXPECT_TRUE(has<PowerDown>(on_event(life, PowerDownAgain{})));
}

TEST(LifecycleStop, ThePowerButtonServesWhereTheAgentDoesNot) {
  Lifecycle life;
  life.agent = true;
  life.rules.shutdown_timeout = seconds(2);
  EXPECT_EQ(get<AskAgent>(on_event(life, StopAsked{"SIGTERM"})).patience, seconds(1));
  const auto actions = on_event(life, AgentFailed{"no answer"});
  EXPECT_TRUE(has<PowerDown>(actions));
  EXPECT_EQ(get<ArmRepeat>(actions).after, seconds(5));
  EXPECT_TRUE(has<Quit>(on_event(life, TimeUp{})));
  EXPECT_TRUE(on_event(life, AgentFailed{"closed"}).empty());
  EXPECT_TRUE(on_event(life, AgentTold{}).empty());
}

TEST(LifecyclePause, AGuestResumedBySomebodyElseIsProvenAgain) {
  Lifecycle life;
  on_event(life, GuestStopped{"paused"});
  EXPECT_TRUE(has<ProveAgain>(on_event(life, GuestResumed{})));
  EXPECT_EQ(life.stage, Stage::running);
}

TEST(LifecycleRestart, AResetByAnotherClientOfTheMonitorIsDoneForIt) {
  const GuestShutdown reset{false, "host-qmp-system-reset"};
  Lifecycle life;
  life.rules.on_reboot = Rule::end;
  EXPECT_TRUE(has<Restart>(on_event(life, reset)));
  EXPECT_EQ(life.stage, Stage::running);
  on_event(life, StopAsked{"SIGTERM"});
  EXPECT_TRUE(has<Quit>(on_event(life, reset)));
}

TEST(LifecycleFault, AnInternalErrorOfKvmEndsTheRunAsAFailureOfQemu) {
  Lifecycle life;
  EXPECT_TRUE(has<Quit>(on_event(life, GuestStopped{"internal-error"})));
  EXPECT_EQ(outcome_of(life, kCleanExit).code, ExitCode::qemu_ended);
}

TEST(LifecycleFault, AFailedRestartEndsTheRunAsNotAsPlanned) {
  Lifecycle life;
  on_event(life, kReset);
  EXPECT_TRUE(has<Quit>(on_event(life, RestartFailed{"vcpu0: policy"})));
  const Outcome outcome = outcome_of(life, kCleanExit);
  EXPECT_EQ(outcome.code, ExitCode::not_as_planned);
  EXPECT_NE(outcome.text.find("vcpu0"), std::string::npos);
}

TEST(LifecycleFault, ForeignEndsOfQemuAreToldApart) {
  Lifecycle quit;
  on_event(quit, GuestShutdown{false, "host-qmp-quit"});
  EXPECT_NE(outcome_of(quit, kCleanExit).text.find("another client"), std::string::npos);
  Lifecycle signalled;
  on_event(signalled, GuestShutdown{false, "host-signal"});
  EXPECT_NE(outcome_of(signalled, kCleanExit).text.find("signal from outside"), std::string::npos);
  const Lifecycle killed;
  const Outcome outcome = outcome_of(killed, QemuExited{.code = {}, .signal = 9});
  EXPECT_EQ(outcome.code, ExitCode::qemu_ended);
  EXPECT_NE(outcome.text.find("signal 9"), std::string::npos);
  EXPECT_EQ(outcome_of(killed, QemuExited{.code = 11, .signal = {}}).text,
            "QEMU exited with status 11");
}

TEST(LifecycleDeadman, DemotesFirstThenTerminatesThenKills) {
  Lifecycle life;
  EXPECT_TRUE(has<Demote>(on_event(life, QemuSilent{"it sleeps"})));
  EXPECT_EQ(life.stage, Stage::running);
  EXPECT_TRUE(has<Terminate>(on_event(life, QemuSilent{"it sleeps"})));
  EXPECT_TRUE(has<Kill>(on_event(life, TimeUp{})));
  const Outcome outcome = outcome_of(life, QemuExited{.code = {}, .signal = 9});
  EXPECT_EQ(outcome.code, ExitCode::qemu_ended);
  EXPECT_NE(outcome.text.find("it sleeps"), std::string::npos);
}

TEST(LifecycleDeadman, GivesThePolicyBackWhenQemuAnswersAgain) {
  Lifecycle life;
  EXPECT_TRUE(on_event(life, QemuAnswers{}).empty());
  on_event(life, QemuSilent{"it sleeps"});
  EXPECT_TRUE(has<ProveAgain>(on_event(life, QemuAnswers{})));
  EXPECT_TRUE(has<Demote>(on_event(life, QemuSilent{"it sleeps"})));
}

TEST(LifecycleDeadman, LeavesAStopToItsOwnSteps) {
  Lifecycle life;
  on_event(life, StopAsked{"SIGTERM"});
  EXPECT_TRUE(on_event(life, QemuSilent{"it sleeps"}).empty());
}

TEST(LifecycleDeadman, TerminatesAQemuThatCannotBeToldToQuit) {
  Lifecycle life;
  on_event(life, kPowerOff);
  EXPECT_TRUE(has<Terminate>(on_event(life, QemuSilent{"its monitor is lost", true})));
  EXPECT_TRUE(on_event(life, QemuSilent{"its monitor is lost", true}).empty());  // once
  EXPECT_TRUE(has<Kill>(on_event(life, TimeUp{})));
  EXPECT_EQ(outcome_of(life, kCleanExit).code, ExitCode::done);
}

TEST(LifecycleFault, TheFirstCauseStands) {
  Lifecycle life;
  life.rules.on_crash = Rule::end;
  on_event(life, GuestPanicked{});
  on_event(life, kPowerOff);
  on_event(life, StopAsked{"SIGTERM"});
  EXPECT_EQ(outcome_of(life, kCleanExit).code, ExitCode::guest_panicked);
}

}  // namespace
}  // namespace kvmrt::launcher
