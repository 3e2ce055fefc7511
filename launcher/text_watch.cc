// SPDX-License-Identifier: MIT
#include "launcher/text_watch.h"

#include <array>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/error.h"
#include "base/fd.h"

namespace kvmrt::launcher {

namespace asio = boost::asio;
using boost::system::error_code;

struct TextWatch::State : std::enable_shared_from_this<TextWatch::State> {
  State(asio::io_context& io, std::string wanted_text, std::function<void()> on_found)
      : changes(io), text(std::move(wanted_text)), found(std::move(on_found)) {}

  void open(const std::filesystem::path& path) {
    log = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!log) throw_errno("open", path);
    Fd notify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!notify) throw_errno("watch", path);
    if (::inotify_add_watch(notify.get(), path.c_str(), IN_MODIFY) < 0) throw_errno("watch", path);
    changes.assign(notify.release());
  }

  void look() {
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::read(log.get(), part.data(), part.size())) > 0;) {
      window.append(part.data(), static_cast<std::size_t>(got));
      if (window.find(text) != std::string::npos) return done();
      // The text may be cut by the end of what is written so far.
      if (window.size() > text.size()) window.erase(0, window.size() - text.size());
    }
    wait();
  }

  void done() {
    error_code ignored;
    changes.close(ignored);
    found();
  }

  void wait() {
    auto self = shared_from_this();
    changes.async_read_some(asio::buffer(events), [self](error_code failed, std::size_t) {
      if (!failed) self->look();
    });
  }

  asio::posix::stream_descriptor changes;
  Fd log;
  std::string text;
  std::function<void()> found;
  std::string window;
  std::array<char, 4096> events{};
};

TextWatch::TextWatch(asio::io_context& io, std::filesystem::path log, std::string text,
                     std::function<void()> found)
    : state_(std::make_shared<State>(io, std::move(text), std::move(found))) {
  state_->open(log);
  state_->look();
}

TextWatch::~TextWatch() {
  error_code ignored;
  if (state_->changes.is_open()) state_->changes.close(ignored);
}

}  // namespace kvmrt::launcher
