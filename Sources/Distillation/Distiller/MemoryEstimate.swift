import Autograd
import DiffusionModels
import Tensor

/// The bytes that a distillation holds from its first step to its last; what a step needs in between comes on top.
public struct MemoryEstimate: Sendable, Equatable, CustomStringConvertible {
    /// The teacher's weights as they are stored: in the file's map, while nothing writes to them.
    public let teacher: Int
    /// The student's weights, their gradients, both moments of Adam, and the moving average.
    public let student: Int
    /// What is trained of the fake score: weights, gradients and both moments.
    public let fakeScore: Int

    /// All of it.
    public var total: Int { teacher + student + fakeScore }
    /// Without the teacher, whose pages the system may drop and read again.
    public var written: Int { student + fakeScore }

    /// One line, in mebibytes.
    public var description: String {
        func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
        return
            "memory: \(mebibytes(total)) (teacher \(mebibytes(teacher)), student with gradients, moments and average "
            + "\(mebibytes(student)), fake score \(mebibytes(fakeScore))), and each step's intermediates"
    }

    private init(teacher: ParameterSet, student: Int, fakeScore: Int) {
        let number = MemoryLayout<Float>.stride
        (self.teacher, self.student, self.fakeScore) = (
            teacher.storedByteCount, 5 * number * student, 4 * number * fakeScore
        )
    }

    /// What a distillation with these settings will hold, before any of it is taken.
    public init(distilling teacher: UNet2DConditionModel, _ configuration: DistillationConfiguration) {
        let adapted = teacher.parameters.all.filter { parameter in
            parameter.shape.count == 2
                && configuration.adapterTargets.contains { parameter.path.hasSuffix("\($0).weight") }
        }
        let adapters = configuration.adapterRank * adapted.reduce(0) { $0 + $1.shape[0] + $1.shape[1] }
        let count = teacher.parameters.scalarCount
        self.init(
            teacher: teacher.parameters, student: count,
            fakeScore: configuration.fakeScoreWeights == .copy ? count : adapters)
    }

    fileprivate init(of distiller: Distiller) {
        self.init(
            teacher: distiller.teacher.parameters, student: distiller.student.parameters.scalarCount,
            fakeScore: distiller.fakeScore.parameters.scalarCount)
    }
}

extension Distiller {
    /// What this distillation holds throughout.
    public var memoryEstimate: MemoryEstimate { MemoryEstimate(of: self) }
}
