import Autograd
import Tensor

/// The sum of two losses.
///
/// g = g₁ + g₂, both on the same noised samples, at the timesteps of `first`. Nest combinations to add more than two.
public struct CombinedLoss<First: DistillationLoss, Second: DistillationLoss>: DistillationLoss {
    /// Both names, joined by a plus sign.
    public static var name: String { "\(First.name)+\(Second.name)" }

    /// The loss that determines the timesteps and the fake score's training.
    public var first: First
    /// The loss that is added to it.
    public var second: Second

    /// The sum of two losses.
    public init(_ first: First, _ second: Second) {
        (self.first, self.second) = (first, second)
    }

    /// The needs of both losses.
    public var needs: LossNeeds { first.needs.union(second.needs) }
    /// The timesteps of `first`.
    public var timesteps: Range<Int> { first.timesteps }
    /// The fake score's training of `first`.
    public var usualFakeScoreTraining: FakeScoreTraining { first.usualFakeScoreTraining }

    /// g₁ + g₂, `[batch, height, width, channels]`; the diagnostics of both, and their memories, each under its loss's name.
    public func gradient(_ input: LossInput) -> LossGradient {
        let one = gradient(of: first, input)
        let two = gradient(of: second, input.renewed(for: second.needs))
        return LossGradient(
            one.value + two.value, diagnostics: one.diagnostics.merging(two.diagnostics) { mine, _ in mine },
            memory: one.memory.merging(two.memory) { mine, _ in mine })
    }

    /// The gradient of one of the losses, given its own part of the memory.
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
