// SPDX-License-Identifier: MIT
#include "launcher/latency/plot.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "launcher/latency/run.h"
#include "launcher/machine_probe.h"

namespace kvmrt::launcher::latency {
namespace {

/// Inside gnuplot's single quotes.
std::string quoted(const std::string& text) {
  std::string made = "'";
  for (const char letter : text) {
    if (letter == '\'') made += '\'';
    made += letter == '\n' ? ' ' : letter;
  }
  return made + "'";
}

std::int64_t greatest(const Report& report) {
  std::int64_t most = report.budget_us;
  for (const Series& one : report.series) most = std::max(most, one.histogram.greatest());
  return most;
}

std::uint64_t tallest(const Report& report) {
  std::uint64_t most = 1;
  for (const Series& one : report.series)
    for (const auto& [us, count] : one.histogram.counts()) most = std::max(most, count);
  return most;
}

/// Bars with a count, and a foot of 0.5 (below one wake-up, which a logarithm cannot show as zero)
/// beside each, so that a gap in the histogram is a gap in the line.
std::string data_block(const Series& one, std::size_t number) {
  std::string text = fmt::format("$cpu{} << EOD\n", number);
  std::int64_t next = -1;
  for (const auto& [us, count] : one.histogram.counts()) {
    if (us != next) {
      if (next >= 0) text += fmt::format("{} 0.5\n", next);
      text += fmt::format("{} 0.5\n", us);
    }
    text += fmt::format("{} {}\n", us, count);
    next = us + 1;
  }
  if (next >= 0) text += fmt::format("{} 0.5\n", next);
  return text + "EOD\n";
}

std::string settings(const Report& report, const std::string& output) {
  const bool png = output.ends_with(".png");
  const std::string title =
      fmt::format("{}: {:.0f} s, every {} us, FIFO {}{}", report.vm.empty() ? "host" : report.vm,
                  report.seconds, report.interval_us, report.priority,
                  report.load.empty() ? "" : ", load " + report.load);
  return fmt::format(
      "set terminal {} size 900,540 noenhanced font 'sans,11' background rgb 'white'\n"
      "set output {}\n"
      "set title {}\n"
      "set xlabel 'latency (us)'\nset ylabel 'wake-ups'\n"
      "set logscale y\nset yrange [0.5:{}]\nset xrange [0:{}]\n"
      "set format y '%.0f'\nset ytics 10\nset mytics 10\n"
      "set grid xtics ytics lc rgb '#bbbbbb' lw 0.5\nset border 3\nset tics nomirror\n"
      "set key top right samplen 2 opaque\n",
      png ? "pngcairo" : "svg", quoted(output), quoted(title), tallest(report) * 2,
      std::max<std::int64_t>(greatest(report) + 2, 10));
}

}  // namespace

std::string plot_program(const Report& report, const std::string& output) {
  std::string text = settings(report, output);
  std::string lines;
  for (std::size_t i = 0; i < report.series.size(); ++i) {
    const Series& one = report.series[i];
    text += data_block(one, i);
    lines += fmt::format("{}$cpu{} with steps lw 1.5 title {}", lines.empty() ? "" : ", \\\n  ", i,
                         quoted(fmt::format("{}: max {} us, avg {:.1f}", one.name(),
                                            one.histogram.greatest(), one.histogram.mean())));
  }
  if (report.budget_us > 0)
    text += fmt::format(
        "set arrow from {0},graph 0 to {0},graph 1 nohead lc rgb '#cc0000' dt 2\n"
        "set label 'budget {0} us' at {0},graph 0.8 right offset -0.5,0 tc rgb '#cc0000'\n",
        report.budget_us);
  return text + "plot " + lines + "\n";
}

void plot(const Report& report, const std::filesystem::path& output) {
  std::filesystem::path gnuplot;
  try {
    gnuplot = find_program("gnuplot");
  } catch (const SystemError&) {
    throw std::runtime_error("a plot needs gnuplot: apt-get install gnuplot-nox");
  }
  const std::string program = plot_program(report, std::filesystem::absolute(output).string());
  Running drawing(gnuplot, {"gnuplot"}, {}, {}, program);
  if (const Ran ran = drawing.finish(); !ran.status.success())
    throw std::runtime_error(
        fmt::format("gnuplot could not draw {}: {}", output.string(), trimmed(ran.errors)));
}

}  // namespace kvmrt::launcher::latency
