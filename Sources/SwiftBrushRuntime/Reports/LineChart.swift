import Foundation

/// A line chart of curves over steps, as SVG: each curve as it is, and its moving average over it. Many points are averaged over intervals, whose
/// range is shown as a band.
struct LineChart {
    struct Point {
        let x: Double
        let y: Double
    }

    let title: String
    /// The unit of the vertical axis; empty for none.
    var unit = ""
    /// The range of healthy runs, shown as a band; nil for none.
    var healthy: ClosedRange<Double>?
    let curves: [(name: String, points: [Point])]

    private static let colours = ["--curve-1", "--curve-2", "--curve-3", "--curve-4", "--curve-5", "--curve-6"]
    private static let intervalCount = 240
    /// The weight of a new interval in the moving average.
    private static let share = 0.1
    private let width = 460.0
    private let height = 250.0
    private let left = 58.0
    private let right = 12.0
    private let bottom = 38.0
    private let top = 40.0

    /// The `svg` element.
    var svg: String {
        let drawn = curves.map { (name: $0.name, points: averaged($0.points), all: $0.points) }
        let all = curves.flatMap(\.points)
        guard let vertical = Axis(all.map(\.y)), let last = all.map(\.x).max(), let first = all.map(\.x).min()
        else { return "" }
        let span = max(last - first, 1)
        func x(_ value: Double) -> String { number(left + (value - first) / span * (width - left - right)) }
        func y(_ value: Double) -> String {
            number(height - bottom - vertical.share(of: value) * (height - bottom - top))
        }
        func path(_ points: [Point]) -> String { "M" + points.map { "\(x($0.x)) \(y($0.y))" }.joined(separator: "L") }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(title.escapedForHTML)\">",
            text("title", at: (12, 17), title),
        ]
        if let healthy {
            let (high, low) = (vertical.place(healthy.upperBound), vertical.place(healthy.lowerBound))
            let (y1, y2) = (
                height - bottom - high * (height - bottom - top), height - bottom - low * (height - bottom - top)
            )
            parts.append(
                "<rect class=\"band\" x=\"\(Int(left))\" y=\"\(number(y1))\" width=\"\(Int(width - left - right))\" height=\"\(number(y2 - y1))\"><title>healthy runs</title></rect>"
            )
        }
        for tick in vertical.ticks {
            parts.append("<path class=\"grid\" d=\"M\(Int(left)) \(y(tick))H\(Int(width - right))\"/>")
            parts.append(
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(Int(left) - 6)\" y=\"\(y(tick))\" dy=\"4\">\(label(tick))</text>"
            )
        }
        for (value, anchor) in [(first, "start"), (last, "end")] where value == last || first < last {
            parts.append(
                "<text class=\"tick\" text-anchor=\"\(anchor)\" x=\"\(x(value))\" y=\"\(Int(height - bottom) + 15)\">\(label(value))</text>"
            )
        }
        parts.append(text("axis", at: ((left + width - right) / 2, height - 8), "steps", anchor: "middle"))
        let scale = vertical.isLogarithmic ? "logarithmic" : ""
        let axis = [unit, scale].filter { !$0.isEmpty }.joined(separator: ", ")
        if !axis.isEmpty { parts.append(text("axis", at: (12, 32), axis)) }
        for (index, curve) in drawn.enumerated() {
            let colour = "var(\(Self.colours[index % Self.colours.count]))"
            for only in curve.points where curve.points.count == 1 {
                parts.append("<circle fill=\"\(colour)\" r=\"3\" cx=\"\(x(only.x))\" cy=\"\(y(only.y))\"/>")
            }
            let ranges = ranges(curve.all)
            let upper = ranges.map { "\(x($0.x)) \(y($0.range.upperBound))" }
            let lower = ranges.reversed().map { "\(x($0.x)) \(y($0.range.lowerBound))" }
            parts.append(
                "<path class=\"range\" fill=\"\(colour)\" d=\"M\((upper + lower).joined(separator: "L"))Z\"/>")
            parts.append("<path class=\"raw\" stroke=\"\(colour)\" d=\"\(path(curve.points))\"/>")
            parts.append(
                "<path class=\"smooth\" stroke=\"\(colour)\" d=\"\(path(smoothed(curve.points, vertical)))\"/>")
            guard !curve.name.isEmpty else { continue }
            let legend = curve.name.contains(" ") ? curve.name : MetricName(field: curve.name).title
            parts.append(
                "<text class=\"axis\" fill=\"\(colour)\" text-anchor=\"end\" x=\"\(Int(width - right) - 4)\" y=\"\(Int(top) + 12 + 15 * index)\">\(legend.escapedForHTML)</text>"
            )
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    private func text(_ style: String, at place: (x: Double, y: Double), _ text: String, anchor: String = "start")
        -> String
    {
        "<text class=\"\(style)\" text-anchor=\"\(anchor)\" x=\"\(Int(place.x))\" y=\"\(Int(place.y))\">\(text.escapedForHTML)</text>"
    }

    /// The means of intervals.
    private func averaged(_ points: [Point]) -> [Point] {
        let length = max(1, (points.count + Self.intervalCount - 1) / Self.intervalCount)
        return stride(from: 0, to: points.count, by: length).map { start in
            let part = points[start..<min(start + length, points.count)]
            return Point(
                x: part.reduce(0) { $0 + $1.x } / Double(part.count),
                y: part.reduce(0) { $0 + $1.y } / Double(part.count))
        }
    }

    /// The range of each interval.
    private func ranges(_ points: [Point]) -> [(x: Double, range: ClosedRange<Double>)] {
        let length = max(1, (points.count + Self.intervalCount - 1) / Self.intervalCount)
        return zip(averaged(points), stride(from: 0, to: points.count, by: length)).map { mean, start in
            let part = points[start..<min(start + length, points.count)].map(\.y)
            return (mean.x, (part.min() ?? mean.y)...(part.max() ?? mean.y))
        }
    }

    /// The moving average, of logarithms on a logarithmic axis.
    private func smoothed(_ points: [Point], _ axis: Axis) -> [Point] {
        var mean: Double?
        return points.map { point in
            let value = axis.isLogarithmic ? log10(point.y) : point.y
            let next = mean.map { $0 + (value - $0) * Self.share } ?? value
            mean = next
            return Point(x: point.x, y: axis.isLogarithmic ? pow(10, next) : next)
        }
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }
    private func label(_ value: Double) -> String { String(format: abs(value) >= 1000 ? "%.0f" : "%.3g", value) }
}

/// A chart's vertical axis: logarithmic if the numbers are positive and span more than a factor of 20.
private struct Axis {
    let isLogarithmic: Bool
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

    /// The position of a number that may lie outside the axis, at one of its ends then.
    func place(_ value: Double) -> Double {
        if isLogarithmic, value <= 0 { return 0 }
        guard high > low else { return value < low ? 0 : value > low ? 1 : 0.5 }
        return min(max(share(of: value), 0), 1)
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
