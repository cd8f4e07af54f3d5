import Autograd
import Tensor

/// The sum of two losses.
///
/// g = g₁ + g₂. Both judge the same noised pictures, at the first one's timesteps; more than two are combined in turn.
public struct CombinedLoss<First: DistillationLoss, Second: DistillationLoss>: DistillationLoss {
    /// Both names, with a plus.
    public static var name: String { "\(First.name)+\(Second.name)" }

    /// Whose timesteps and fake-score training count.
    public var first: First
    /// What is added.
    public var second: Second

    /// The sum of two losses.
    public init(_ first: First, _ second: Second) {
        (self.first, self.second) = (first, second)
    }

    /// What either needs.
    public var needs: LossNeeds { first.needs.union(second.needs) }
    /// The first one's.
    public var timesteps: Range<Int> { first.timesteps }
    /// The first one's.
    public var usualFakeScoreTraining: FakeScoreTraining { first.usualFakeScoreTraining }

    /// g₁ + g₂, `[batch, height, width, channels]`; the reports of both, and their memories, each under its loss's name.
    public func gradient(_ input: LossInput) -> LossGradient {
        let one = gradient(of: first, input)
        let two = gradient(of: second, input.renewed(for: second.needs))
        return LossGradient(
            one.value + two.value, diagnostics: one.diagnostics.merging(two.diagnostics) { mine, _ in mine },
            memory: one.memory.merging(two.memory) { mine, _ in mine })
    }

    /// A part's gradient, with the part's share of the memory.
    private func gradient<Part: DistillationLoss>(of part: Part, _ input: LossInput) -> LossGradient {
        let prefix = "\(Part.name)/"
        let remembered = input.batch.memory.filter { $0.key.hasPrefix(prefix) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        var own = input
        own.batch.memory = Dictionary(uniqueKeysWithValues: remembered)
        var gradient = part.gradient(own)
        gradient.memory = Dictionary(uniqueKeysWithValues: gradient.memory.map { (prefix + $0.key, $0.value) })
        return gradient
    }
}

extension CombinedLoss: Equatable where First: Equatable, Second: Equatable {}
