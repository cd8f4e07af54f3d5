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

    /// Checks the settings of both losses. Throws as they do.
    public func check() throws {
        try first.check()
        try second.check()
    }

    /// The needs of both losses.
    public var needs: LossNeeds { first.needs.union(second.needs) }
    /// The needs of both losses at a step.
    public func needs(atStep index: Int) -> LossNeeds {
        first.needs(atStep: index).union(second.needs(atStep: index))
    }
    /// The timesteps of `first`.
    public var timesteps: Range<Int> { first.timesteps }
    /// The timesteps of the guidance term of `first`, or else of `second`.
    public var guidanceTimesteps: Range<Int>? { first.guidanceTimesteps ?? second.guidanceTimesteps }
    /// DMD2's for a loss with a discriminator, which it trains in the fake score's steps; otherwise that of `first`.
    public var usualFakeScoreTraining: FakeScoreTraining {
        needs.contains(.discriminator) ? .dmd2 : first.usualFakeScoreTraining
    }

    /// Whether one of both losses does.
    public var couplesSamples: Bool { first.couplesSamples || second.couplesSamples }

    /// The sum of both losses, calibrated.
    public func calibrated(toMeanReward mean: Double) -> CombinedLoss {
        CombinedLoss(first.calibrated(toMeanReward: mean), second.calibrated(toMeanReward: mean))
    }

    /// g₁ + g₂, `[batch, height, width, channels]`; the memories of both, each under its loss's name, and the diagnostics of both: one
    /// of `second` that `first` has too is reported as `NAME.DIAGNOSTIC`.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        let one = try gradient(of: first, named: First.name, input)
        let secondNeeds = second.needs(atStep: input.batch.studentStep)
        let two = try gradient(of: second, named: secondName, input.renewed(for: secondNeeds))
        var diagnostics = one.diagnostics
        for (name, number) in two.diagnostics {
            diagnostics[diagnostics[name] == nil ? name : "\(secondName).\(name)"] = number
        }
        return LossGradient(
            one.value + two.value, diagnostics: diagnostics, memory: one.memory.merging(two.memory) { mine, _ in mine })
    }

    /// The name under which `second` keeps its memory, also where both losses have the same name.
    private var secondName: String { Second.name == First.name ? "\(Second.name) 2" : Second.name }

    /// The gradient of one of the losses, given its own part of the memory.
    private func gradient(of part: some DistillationLoss, named name: String, _ input: LossInput) throws -> LossGradient
    {
        let prefix = "\(name)/"
        let remembered = input.batch.memory.filter { $0.key.hasPrefix(prefix) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        var own = input
        own.batch.memory = Dictionary(uniqueKeysWithValues: remembered)
        var gradient = try part.checkedGradient(own)
        gradient.memory = Dictionary(uniqueKeysWithValues: gradient.memory.map { (prefix + $0.key, $0.value) })
        return gradient
    }
}

extension CombinedLoss: Equatable where First: Equatable, Second: Equatable {}
