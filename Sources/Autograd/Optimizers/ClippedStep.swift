import Tensor

/// An optimiser's step whose gradients are finite and clipped, and which has not been taken yet.
public struct ClippedStep {
    /// The global norm of the gradients before clipping.
    public let norm: Double
    /// Whether the step is known beforehand to leave finite weights finite. Otherwise this is only seen after it was taken.
    package let isCertainlyFinite: Bool
    private let factor: Float
    private let optimizer: any Optimizer

    /// A change below this does not carry a finite weight past the largest Float: it is less than half the spacing of numbers there.
    private static let largestHarmlessChange = 0x1p100

    /// The step that clips the optimiser's gradients to a global norm of `limit`, as torch's `clip_grad_norm_` does, but without a pass
    /// over memory of its own.
    ///
    /// Throws ``NonFiniteGradients``, and ``AutogradError`` for a limit that is not above 0; the parameters are unchanged then.
    public init(of optimizer: any Optimizer, limit: Double = .infinity) throws {
        let gradients = optimizer.parameters.lazy.map(\.gradient)
        try self.init(
            of: optimizer, limit: limit, squaredNorm: gradients.reduce(0.0) { $0 + ($1?.squaredNorm() ?? 0) },
            nonFiniteCount: { gradients.reduce(0) { $0 + ($1?.nonFiniteCount() ?? 0) } })
    }

    /// The step that clips gradients whose squared global norm is known, as in an optimiser that is divided among processes.
    ///
    /// - Parameter nonFiniteCount: the number of gradients that are infinite or not a number; read if the norm is.
    package init(
        of optimizer: any Optimizer, limit: Double, squaredNorm: Double, nonFiniteCount: () throws -> Int
    ) throws {
        try AutogradError.check(limit > 0, "ClippedStep", "limit", expected: "a number above 0", found: limit)
        norm = squaredNorm.squareRoot()
        guard norm.isFinite else { throw NonFiniteGradients(count: try nonFiniteCount()) }
        let scale = limit / (norm + 1e-6)
        (factor, self.optimizer) = (scale < 1 ? Float(scale) : 1, optimizer)
        isCertainlyFinite =
            optimizer.bound(ofStepWithNorm: Double(factor) * norm) < Self.largestHarmlessChange
    }

    /// Takes the step and clears the gradients. Throws ``NonFiniteUpdate``; parameters, moments and averages are unchanged then.
    public func apply() throws(NonFiniteUpdate) {
        try take()
        optimizer.zeroGradients()
    }

    /// Takes the step as ``apply()`` does, in an optimiser that is divided among processes.
    ///
    /// - Parameter sum: the sum of a number over all processes; called in all or in none.
    package func apply(sum: (Int) throws -> Int) throws {
        try take(sum: sum)
        optimizer.zeroGradients()
    }

    /// Takes the step and keeps the gradients.
    func take() throws(NonFiniteUpdate) {
        do { try take { $0 } } catch let error as NonFiniteUpdate { throw error } catch { fatalError("\(error)") }
    }

    private func take(sum: (Int) throws -> Int) throws {
        if isCertainlyFinite {
            optimizer.step(scalingGradientsBy: factor, norm: Double(factor) * norm)
            return
        }
        let averages = optimizer.averages
        let changed = optimizer.parameters + averages.flatMap(\.parameters.all)
        // Copies are made when the step writes to what these share.
        let (values, state, counts) = (changed.map(\.storedValue), optimizer.state, averages.map(\.updateCount))
        optimizer.step(scalingGradientsBy: factor, norm: Double(factor) * norm)
        let count =
            changed.reduce(0) { $0 + ($1.storedValue?.nonFiniteCount() ?? 0) }
            + optimizer.state.tensors.values.reduce(0) { $0 + $1.nonFiniteCount() }
        let total = try sum(count)
        guard total > 0 else { return }
        for (parameter, value) in zip(changed, values) { parameter.storedValue = value }
        for (average, count) in zip(averages, counts) { average.updateCount = count }
        optimizer.state = state
        throw NonFiniteUpdate(count: total)
    }
}

/// Gradients that are infinite or not a number.
public struct NonFiniteGradients: Error, Equatable, CustomStringConvertible {
    /// The number of such values.
    public let count: Int

    /// Gradients with `count` such values.
    public init(count: Int) { self.count = count }

    /// One sentence with the number of values.
    public var description: String {
        "gradients: expected finite numbers, found \(count) that are infinite or not a number"
    }
}

/// An update of finite gradients after which weights, moments or averages would be infinite or not a number.
public struct NonFiniteUpdate: Error, Equatable, CustomStringConvertible {
    /// The number of such values.
    public let count: Int

    /// An update with `count` such values.
    public init(count: Int) { self.count = count }

    /// One sentence with the number of values.
    public var description: String {
        "update: expected finite weights and moments after it, found \(count) that are infinite or not a number"
    }
}
