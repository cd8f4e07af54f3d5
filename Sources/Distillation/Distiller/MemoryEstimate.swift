import Autograd
import DiffusionModels
import Tensor

/// The bytes that a distillation holds throughout the run; each step's intermediates come on top.
public struct MemoryEstimate: Sendable, Equatable, CustomStringConvertible {
    /// The teacher's weights as stored, in 16 bits or 32; vectors are loaded as Float32. The others stay memory-mapped from the file
    /// while nothing writes to them.
    public let teacher: Int
    /// The student's trained weights, their gradients, both moments of Adam, and the moving average.
    public let student: Int
    /// The fake score's trained weights, their gradients and both moments of Adam.
    public let fakeScore: Int

    /// The sum of all three.
    public var total: Int { teacher + student + fakeScore }
    /// The total without the teacher, whose mapped pages the system may drop and read again.
    public var written: Int { student + fakeScore }

    /// The estimate as one line, in mebibytes.
    public var description: String {
        func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
        return
            "memory: \(mebibytes(total)) (teacher \(mebibytes(teacher)), student with gradients, moments and average "
            + "\(mebibytes(student)), fake score \(mebibytes(fakeScore))), and each step's intermediates"
    }

    private init(teacher: ParameterSet, student: Int, fakeScore: Int, shardedOver processes: Int) {
        let number = MemoryLayout<Float>.stride
        (self.teacher, self.student, self.fakeScore) = (
            teacher.storedByteCount, number * (2 * student + 3 * student / processes),
            number * (2 * fakeScore + 2 * fakeScore / processes)
        )
    }

    /// The memory of a distillation with these settings, before any of it is allocated; of one process of those that divide the moments and
    /// the average among themselves.
    public init(
        distilling teacher: any DenoisingNetwork, _ configuration: DistillationConfiguration,
        shardedOver processes: Int = 1
    ) {
        func adapters(_ rank: Int, _ targets: [String]) -> Int {
            // A rank out of range is refused elsewhere.
            teacher.parameters.adapterCount(rank: min(max(rank, 0), 1 << 16), targets: targets)
        }
        let count = teacher.parameters.scalarCount
        self.init(
            teacher: teacher.parameters,
            student: configuration.studentAdapters.map { adapters($0.rank, $0.targets) } ?? count,
            fakeScore: configuration.fakeScoreWeights == .copy
                ? count : adapters(configuration.adapterRank, configuration.adapterTargets),
            shardedOver: processes)
    }

    fileprivate init(of distiller: Distiller) {
        self.init(
            teacher: distiller.teacher.parameters, student: distiller.student.parameters.scalarCount,
            fakeScore: distiller.fakeScore.parameters.scalarCount,
            shardedOver: distiller.shardsOptimizer ? distiller.group.count : 1)
    }
}

extension Distiller {
    /// The memory that this distillation holds throughout.
    public var memoryEstimate: MemoryEstimate { MemoryEstimate(of: self) }
}
