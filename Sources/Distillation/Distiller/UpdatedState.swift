import Autograd
import Tensor

/// All that the updates of one step change, to be restored when a later one of them fails. Values are shared until something writes to
/// them: a copy of the student, its average and both moments is held until the step ends.
struct UpdatedState {
    private let values: [(parameter: Parameter, value: Tensor?)]
    private let states: [(optimizer: Adam, state: OptimizerState)]
    private let averageUpdateCount: Int

    init(of distiller: Distiller) {
        let sets = [distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters]
        let discriminator = distiller.resources.discriminator?.parameters.all ?? []
        values = (sets.flatMap(\.all) + discriminator).map { ($0, $0.storedValue) }
        states = distiller.optimizers.map { ($0, $0.state) }
        averageUpdateCount = distiller.average.updateCount
    }

    func restore(_ distiller: Distiller) {
        for (parameter, value) in values { parameter.storedValue = value }
        for (optimizer, state) in states { optimizer.state = state }
        distiller.average.updateCount = averageUpdateCount
    }
}
