import DiffusionModels
import Distillation
import Foundation

let models = URL(filePath: "swift-brush/Examples/Models")
let teacher = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))

var settings = DistillationConfiguration()
settings.batchSize = 4
settings.studentLearningRate = 2e-5
let distiller = try Distiller(
    teacher: teacher, loss: VariationalScoreDistillation(),
    prompts: ["a red heart", "a blue heart", "a green apple", "a yellow star"], configuration: settings)

for _ in 0..<20 {
    let step = try distiller.step()
    print(step.step, step.studentLoss, step.fakeScoreLoss)
}
