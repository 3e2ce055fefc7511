// SPDX-License-Identifier: MIT
#include "partition/planner.h"

#include <algorithm>

#include "partition/planner_auto.h"
#include "partition/planner_checks.h"

namespace kvmrt::partition {
namespace {

/// Chooses the cpuset where it is to be chosen.
CpuSet settle_cpuset(const Ground& ground, const std::vector<const Claim*>& others,
                     const VmRequest& request, Findings& findings) {
  if (!request.cpuset.is_auto()) return request.cpuset.set;
  return choose_cpuset(ground, others, request, findings);
}

/// From the cpuset to the threads.
void lay_out(const Ground& ground, const CpuSet& owned_by_others, Draft& draft) {
  VmPlan& plan = draft.plan;
  const VmRequest& request = draft.request;
  if (request.rt) {
    draft.share = share_cores(ground.topology, plan.cpuset & ground.present,
                              ground.input.policy.siblings, ground.taken_offline);
    plan.owned_cpus = draft.share.owned;
    plan.offline_cpus = draft.share.offline;
  }
  plan.housekeeping_cpus = ground.housekeeping(owned_by_others | plan.owned_cpus);
  Layout layout =
      request.rt ? lay_out_rt(request, draft.share.usable, plan.housekeeping_cpus, draft.findings)
                 : lay_out_biased(request, plan.cpuset, plan.housekeeping_cpus, draft.findings);
  plan.threads = std::move(layout.threads);
  plan.emulator_cpus = std::move(layout.emulator_cpus);
  draft.surplus = std::move(layout.surplus);
  plan.numa_nodes = memory_nodes(ground.topology, request, plan.cpuset);
}

void judge(const Ground& ground, Draft& draft) {
  check_rt_request(draft);
  check_cpus(ground, draft);
  check_nodes(ground, draft);
  check_siblings(ground, draft);
  check_claims(ground, draft);
  check_memory(ground, draft);
  check_devices(ground, draft);
  advise_placement(ground, draft);
  advise_neighbours(ground, draft);
  advise_guest(draft);
  advise_host(ground, draft);
}

Draft new_draft(const VmRequest& request) {
  Draft draft{request, {}, {}, {}, Findings(request.name), Severity::warning, {}};
  draft.plan.name = request.name;
  draft.plan.rt = request.rt;
  return draft;
}

CpuSet owned_by(const std::vector<const Claim*>& claims, bool running_only) {
  CpuSet owned;
  for (const Claim* claim : claims) {
    if (claim->running || !running_only) owned |= claim->owned;
  }
  return owned;
}

std::vector<const Claim*> claims_but(const std::vector<Claim>& claims, const std::string& vm) {
  std::vector<const Claim*> others;
  for (const Claim& claim : claims) {
    if (claim.vm != vm) others.push_back(&claim);
  }
  return others;
}

void report_no_housekeeping(const CpuSet& owned, Findings& findings, Severity severity,
                            const std::string& who) {
  findings.add_as(severity, "no-housekeeping-cpu", "cpuset",
                  who + " own CPUs " + owned.list() + ", which leaves no housekeeping CPU",
                  "leave at least the first core of the host out of every RT cpuset");
}

void check_housekeeping(const Ground& ground, Draft& draft) {
  if (!draft.request.rt || draft.plan.owned_cpus.empty()) return;
  const CpuSet running = owned_by(draft.others, true) | draft.plan.owned_cpus;
  const CpuSet all = owned_by(draft.others, false) | draft.plan.owned_cpus;
  if (ground.housekeeping(running).empty())
    report_no_housekeeping(running, draft.findings, Severity::error, "running RT VMs and this one");
  else if (ground.housekeeping(all).empty())
    report_no_housekeeping(all, draft.findings, Severity::warning, "all configured RT VMs");
}

}  // namespace

PlanResult plan(const PlanningInput& input, const VmRequest& request) {
  const Ground ground(input, Ground::Scope::one_vm);
  Draft draft = new_draft(request);
  draft.others = claims_but(ground.claims, request.name);
  draft.plan.cpuset = settle_cpuset(ground, draft.others, request, draft.findings);
  lay_out(ground, owned_by(draft.others, true), draft);
  judge(ground, draft);
  check_housekeeping(ground, draft);
  return {std::move(draft.plan), draft.findings.take()};
}

namespace {

/// What `auto` chose for a VM that runs already; nothing for others.
std::optional<CpuSet> running_choice(const Ground& ground, const VmRequest& request) {
  if (!request.cpuset.is_auto()) return std::nullopt;
  for (const Lease& lease : ground.input.running) {
    if (lease.vm == request.name) return lease.plan.cpuset;
  }
  return std::nullopt;
}

void settle(Ground& ground, Draft& draft, CpuSet cpuset) {
  const VmRequest& request = draft.request;
  draft.plan.cpuset = std::move(cpuset);
  const auto claim = std::find_if(ground.claims.begin(), ground.claims.end(),
                                  [&](const Claim& one) { return one.request == &request; });
  *claim = ground.claim_of(request, draft.plan.cpuset,
                           memory_nodes(ground.topology, request, draft.plan.cpuset));
}

/// Every VM's claim with its final cpuset: explicit ones stand, running VMs keep what they have,
/// then `auto` chooses for the others in order.
void settle_all(Ground& ground, std::vector<Draft>& drafts) {
  std::vector<Draft*> open;
  for (Draft& draft : drafts) {
    draft.plan.cpuset = draft.request.cpuset.set;
    if (auto kept = running_choice(ground, draft.request))
      settle(ground, draft, std::move(*kept));
    else if (draft.request.cpuset.is_auto())
      open.push_back(&draft);
  }
  for (Draft* draft : open) {
    const auto others = claims_but(ground.claims, draft->request.name);
    settle(ground, *draft, choose_cpuset(ground, others, draft->request, draft->findings));
  }
}

/// Those that a draft is judged against: running VMs, and the profiles before its own.
std::vector<const Claim*> earlier_claims(const Ground& ground, const VmRequest& request) {
  std::vector<const Claim*> others;
  for (const Claim& claim : ground.claims) {
    if (claim.request == &request) break;
    if (claim.vm != request.name) others.push_back(&claim);
  }
  return others;
}

void report_duplicates(const std::vector<Draft>& drafts, std::size_t index, Findings& findings) {
  const VmRequest& request = drafts[index].request;
  for (std::size_t i = 0; i < index; ++i) {
    const VmRequest& other = drafts[i].request;
    if (other.name == request.name)
      findings.add("duplicate-name", "name", "another profile is named '" + other.name + "' too",
                   "names are unique on the host");
    if (!request.uuid.empty() && other.uuid == request.uuid)
      findings.add("duplicate-uuid", "uuid",
                   "VM '" + other.name + "' has the UUID " + request.uuid + " too");
  }
}

void append(Problems& all, Problems more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

ValidationResult plan_all(const PlanningInput& input) {
  Ground ground(input, Ground::Scope::all_vms);
  std::vector<Draft> drafts;
  drafts.reserve(input.configured.size());
  for (const VmRequest& request : input.configured) drafts.push_back(new_draft(request));
  settle_all(ground, drafts);
  CpuSet owned;
  for (const Claim& claim : ground.claims) owned |= claim.owned;
  Findings whole("");
  if (!owned.empty() && ground.housekeeping(owned).empty())
    report_no_housekeeping(owned, whole, Severity::error, "the RT VMs together");
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    drafts[i].configured_overlap = Severity::error;
    drafts[i].others = earlier_claims(ground, drafts[i].request);
    lay_out(ground, owned, drafts[i]);
    report_duplicates(drafts, i, drafts[i].findings);
    judge(ground, drafts[i]);
  }
  check_memory_together(ground, drafts, whole);
  ValidationResult result;
  for (Draft& draft : drafts) {
    result.plans.push_back(std::move(draft.plan));
    append(result.problems, draft.findings.take());
  }
  append(result.problems, whole.take());
  return result;
}

}  // namespace kvmrt::partition
