import Foundation

/// A line chart of curves over steps, as SVG. Many points are averaged over intervals, whose range is shown as a band.
struct LineChart {
    struct Point {
        let x: Double
        let y: Double
    }

    let title: String
    let curves: [(name: String, points: [Point])]

    private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"]
    private static let intervalCount = 240
    private let width = 460.0
    private let height = 240.0
    private let left = 58.0
    private let bottom = 26.0
    private let top = 26.0

    /// An interval of a curve, with the mean and range of its points.
    private struct Interval {
        let x: Double
        let mean: Double
        let range: ClosedRange<Double>
    }

    /// The `svg` element.
    var svg: String {
        let drawn = curves.map { (name: $0.name, intervals: averaged($0.points)) }
        let all = drawn.flatMap(\.intervals)
        guard let axis = Axis(all.flatMap { [$0.range.lowerBound, $0.range.upperBound] }),
            let last = all.map(\.x).max(), let first = all.map(\.x).min()
        else { return "" }
        let span = max(last - first, 1)
        func x(_ value: Double) -> String { number(left + (value - first) / span * (width - left - 12)) }
        func y(_ value: Double) -> String { number(height - bottom - axis.share(of: value) * (height - bottom - top)) }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(title.escapedForHTML)\">",
            "<text class=\"title\" x=\"\(Int(left))\" y=\"15\">\(title.escapedForHTML)</text>",
        ]
        for tick in axis.ticks {
            parts.append("<path class=\"grid\" d=\"M\(Int(left)) \(y(tick))H\(Int(width) - 12)\"/>")
            parts.append(
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(Int(left) - 6)\" y=\"\(y(tick))\" dy=\"4\">\(label(tick))</text>"
            )
        }
        for (value, anchor) in [(first, "start"), (last, "end")] where value == last || first < last {
            parts.append(
                "<text class=\"tick\" text-anchor=\"\(anchor)\" x=\"\(x(value))\" y=\"\(Int(height) - 8)\">\(label(value))</text>"
            )
        }
        for (index, curve) in drawn.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let upper = curve.intervals.map { "\(x($0.x)) \(y($0.range.upperBound))" }
            let lower = curve.intervals.reversed().map { "\(x($0.x)) \(y($0.range.lowerBound))" }
            let line = curve.intervals.map { "\(x($0.x)) \(y($0.mean))" }
            for only in curve.intervals where curve.intervals.count == 1 {
                parts.append("<circle fill=\"\(colour)\" r=\"3\" cx=\"\(x(only.x))\" cy=\"\(y(only.mean))\"/>")
            }
            parts.append(
                "<path fill=\"\(colour)\" opacity=\"0.15\" d=\"M\((upper + lower).joined(separator: "L"))Z\"/>")
            parts.append(
                "<path fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.5\" d=\"M\(line.joined(separator: "L"))\"/>")
            guard !curve.name.isEmpty else { continue }
            let place = Int(width) - 100
            parts.append(
                "<text class=\"tick\" fill=\"\(colour)\" x=\"\(place)\" y=\"\(40 + 15 * index)\">\(curve.name.escapedForHTML)</text>"
            )
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    private func averaged(_ points: [Point]) -> [Interval] {
        let length = max(1, (points.count + Self.intervalCount - 1) / Self.intervalCount)
        return stride(from: 0, to: points.count, by: length).map { start in
            let part = points[start..<min(start + length, points.count)]
            let (low, high) = part.reduce((Double.infinity, -Double.infinity)) { (min($0.0, $1.y), max($0.1, $1.y)) }
            return Interval(
                x: part.reduce(0) { $0 + $1.x } / Double(part.count),
                mean: part.reduce(0) { $0 + $1.y } / Double(part.count), range: low...high)
        }
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }
    private func label(_ value: Double) -> String { String(format: abs(value) >= 1000 ? "%.0f" : "%.3g", value) }
}

/// A chart's vertical axis: logarithmic if the numbers are positive and span more than a factor of 20.
private struct Axis {
    private let isLogarithmic: Bool
    private let low: Double
    private let high: Double

    /// An axis for these numbers; nil if there are none.
    init?(_ values: [Double]) {
        guard let smallest = values.min(), let largest = values.max() else { return nil }
        isLogarithmic = smallest > 0 && largest > 20 * smallest
        (low, high) = isLogarithmic ? (log10(smallest), log10(largest)) : (smallest, largest)
    }

    /// The position of a number, from 0 at the bottom to 1 at the top.
    func share(of value: Double) -> Double {
        high > low ? ((isLogarithmic ? log10(value) : value) - low) / (high - low) : 0.5
    }

    /// The numbers with a grid line: powers of ten, or round steps.
    var ticks: [Double] {
        if isLogarithmic {
            let powers = stride(from: low.rounded(.up), through: high, by: 1).map { pow(10, $0) }
            return powers.count > 1 ? powers : [pow(10, low), pow(10, high)]
        }
        guard high > low else { return [low] }
        let magnitude = pow(10, log10((high - low) / 4).rounded(.down))
        let step = [1, 2, 5, 10].map { $0 * magnitude }.first { (high - low) / $0 <= 5 } ?? 10 * magnitude
        return Array(stride(from: (low / step).rounded(.up) * step, through: high, by: step))
    }
}

extension String {
    /// The text with HTML's special characters escaped.
    var escapedForHTML: String {
        replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }
}
