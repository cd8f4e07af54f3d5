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

let folder = URL(filePath: "student")
try distiller.studentModel(of: teacher).save(to: folder)
let student = try TextToImageModel(contentsOf: folder)
let heart = try student.picture(for: "a red heart", seed: 0)
try PNG.write(heart, to: URL(filePath: "student.png"))

let prompts = ["a red heart", "a blue heart", "a green apple", "a yellow star"]
let comparison = try student.sheet(beside: teacher, prompts: prompts, steps: 25, guidanceScale: 4.5)
try PNG.write(comparison, to: URL(filePath: "comparison.png"))
