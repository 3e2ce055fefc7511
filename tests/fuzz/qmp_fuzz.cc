// SPDX-License-Identifier: MIT
// libraries: kvmrt_qmp kvmrt_base
// Any bytes as QEMU's side and as a user's side of QMP. Asserted beyond "no crash": where the
// stream is cut makes no difference; what is refused is refused with QmpError; a value survives
// being printed.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "qmp/error.h"
#include "qmp/message.h"
#include "qmp/proxy_rules.h"
#include "qmp/replies.h"
#include "qmp/request_splitter.h"

namespace {

using namespace kvmrt::qmp;  // NOLINT(google-build-using-namespace)
using nlohmann::json;

constexpr std::size_t kLimit = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The lines or requests, and "refused" at the end where the splitter gave up.
template <class Splitter>
std::vector<std::string> parts_of(std::string_view stream, std::size_t step) {
  Splitter splitter(kLimit);
  std::vector<std::string> parts;
  try {
    for (std::size_t at = 0; at < stream.size(); at += step) {
      splitter.feed(stream.substr(at, step));
      while (const auto part = splitter.next()) parts.emplace_back(*part);
    }
  } catch (const QmpError& error) {
    require(error.kind() == QmpError::Kind::protocol);
    parts.emplace_back("refused");
  }
  return parts;
}

template <class Parse>
void check_reply(Parse parse, const json& value) {
  try {
    (void)parse(value);
  } catch (const QmpError& error) {
    require(error.kind() == QmpError::Kind::protocol);
  }
}

void check_value(const json& value) {
  require(parse_bounded(value.dump()) == value);
  check_reply(parse_run_state, value);
  check_reply(parse_vcpus, value);
  check_reply(parse_iothreads, value);
  check_reply(parse_kvm, value);
  check_reply(parse_version, value);
  check_reply(parse_hotpluggable_cpus, value);
}

void check_line(const std::string& line) {
  try {
    const Message message = parse_message(line);
    if (const auto* reply = std::get_if<Reply>(&message)) check_value(reply->value);
    if (const auto* event = std::get_if<Event>(&message)) {
      require(event->data.is_object() && event->time.count() >= 0);
      (void)event->text("reason");
      (void)event->flag("guest");
    }
  } catch (const QmpError& error) {
    require(error.kind() == QmpError::Kind::protocol);
  }
}

void check_request(const std::string& text) {
  const auto request = parse_bounded(text);
  if (!request || !request->is_object()) return;
  for (const auto& [command, arguments] : request->items())
    if (arguments.is_object()) (void)judge_command(command, arguments, ProxyPolicy());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kLimit) return 0;
  const std::size_t step = 1 + data[0] % 16;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto lines = parts_of<LineSplitter>(stream, stream.size() + 1);
  require(lines == parts_of<LineSplitter>(stream, step));
  for (const std::string& line : lines) check_line(line);
  const auto requests = parts_of<RequestSplitter>(stream, stream.size() + 1);
  require(requests == parts_of<RequestSplitter>(stream, step));
  for (const std::string& request : requests) check_request(request);
  return 0;
}
