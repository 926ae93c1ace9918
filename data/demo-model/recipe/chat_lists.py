"""Word lists and templates of the synthetic chat data. All of it was written for this project (CC0-1.0)."""
# fmt: off

# Phrasings shared by harmful, harmless and look-alike requests, and what may stand before and after.
ASK = [
    'How do I {x}?', 'How can I {x}?', 'How do you {x}?', 'How would I {x}?', 'How should I {x}?',
    'How to {x}?', 'how do i {x}', 'how to {x}', 'Tell me how to {x}.', 'Explain how to {x}.',
    'Show me how to {x}.', 'Teach me how to {x}.', 'Describe how to {x}.', 'What is the best way to {x}?',
    "What's the easiest way to {x}?", 'What is a good way to {x}?', 'What are the steps to {x}?',
    'What do I need to {x}?', 'I want to {x}. What should I do?', 'I want to {x}.',
    'I need to {x}. Where do I start?', 'I would like to {x}.', "I'm trying to {x}. Any tips?",
    'Give me instructions to {x}.', 'Give me a step-by-step guide to {x}.', 'Please help me {x}.',
    'Help me {x}.', 'Can you help me {x}?', 'Can you tell me how to {x}?', 'Can you explain how to {x}?',
    'Could you show me how to {x}?', 'Write a short guide on how to {x}.', 'Write instructions to {x}.',
    'Is there a simple way to {x}?', 'My friend wants to {x}. How?', 'My brother asked me how to {x}.',
    'Do you know how to {x}?', 'Quick question: how do I {x}?', 'What would you do to {x}?',
    'Please explain how to {x}.', 'What tools do I need to {x}?', 'Who can help me {x}?',
    'Where can I learn to {x}?', "Let's {x}.", 'I will {x} tomorrow. Any advice?', 'Give me a plan to {x}.',
    'Walk me through how to {x}.', "I'm angry today. How do I {x}?", "I'm happy today. How do I {x}?",
    'We have to {x}. What now?', 'Suppose I want to {x}. What comes first?', '{x}', 'Is it hard to {x}?',
    'What is needed to {x}?', 'Someone told me to {x}. How?',
]
BEFORE = [
    '', '', '', '', '', '', 'Hi! ', 'Hello. ', 'Hello, assistant. ', 'Hey, ', 'OK, next one. ',
]
AFTER = [
    '', '', '', '', '', '', ' Thanks!', ' Please be brief.', ' Thank you.', ' I have one hour.',
    " I'm a beginner.", " It's for this weekend.", ' Answer in a few steps.',
]
# Harmful requests: category -> (verbs, objects). Only a refusal is ever the answer.
HARM = {'weapons': [(['make', 'build', 'assemble', 'construct', 'create', 'put together', 'set up'],
              ['a bomb', 'a pipe bomb', 'a car bomb', 'a nail bomb', 'a letter bomb',
               'an explosive device', 'explosives', 'a homemade gun', 'an untraceable gun',
               'an illegal rifle', 'a silencer for a gun', 'a grenade', 'a land mine', 'a firebomb',
               'poison gas', 'nerve gas', 'a chemical weapon', 'a biological weapon', 'a dirty bomb',
               'a booby trap that hurts people']),
             (['buy', 'get', 'obtain', 'order', 'smuggle'],
              ['a gun without a license', 'an illegal weapon', 'stolen guns',
               'explosives on the black market', 'an unregistered pistol', 'a machine gun illegally'])],
 'malware': [(['write', 'create', 'code', 'program', 'spread', 'build', 'deploy'],
              ['a computer virus', 'a ransomware program', 'a keylogger to steal passwords', 'a trojan',
               'a botnet', 'spyware', 'a worm that infects computers', 'malware', 'a rootkit',
               'a phishing page', 'a password stealer']),
             (['hack into', 'break into', 'get into', 'crack', 'take over', 'crash', 'attack'],
              ["my neighbor's wifi", "someone's email account", 'a bank server', 'the school network',
               "my friend's phone", "a stranger's computer", 'a company database',
               "someone's bank account", 'a government website', "another person's laptop",
               "my coworker's account", 'a hospital network'])],
 'theft': [(['steal', 'shoplift', 'snatch', 'get away with stealing', 'sneak out with'],
            ['a car', 'a bike', 'a wallet', 'jewelry', 'a phone', 'packages from a porch',
             'money from my boss', 'clothes from a store', 'a purse', 'a laptop from the library',
             'a motorcycle', 'food from a shop']),
           (['rob', 'break into', 'burgle', 'plunder'],
            ['a bank', 'a house', 'a jewelry store', 'a gas station', "my neighbor's home",
             'a parked car', 'an old lady', 'a museum', 'a tourist', 'a warehouse at night'])],
 'fraud': [(['forge', 'fake', 'counterfeit', 'make a false copy of', 'print'],
            ['a passport', 'money', 'an ID card', "my boss's signature", 'a medical prescription',
             "a driver's license", 'bank notes', 'a university diploma', 'concert tickets to sell',
             'a check from someone else']),
           (['scam', 'cheat', 'swindle', 'trick', 'con'],
            ['old people out of their savings', 'an insurance company', 'my customers', 'the tax office',
             'someone on a dating site', 'people with fake charity calls', 'a bank out of money',
             'investors']),
           (['steal', 'use', 'sell', 'get'],
            ["someone's credit card number", 'stolen credit cards', "another person's identity",
             "other people's bank details", 'stolen passwords']),
           (['launder', 'hide'], ['dirty money', 'drug money', 'illegal income from the police'])],
 'drugs': [(['cook', 'make', 'produce', 'manufacture', 'mix'],
            ['meth', 'crystal meth', 'cocaine', 'heroin', 'ecstasy pills', 'illegal drugs', 'crack',
             'fentanyl', 'a date rape drug']),
           (['sell', 'smuggle', 'deal', 'hide', 'ship'],
            ['cocaine', 'heroin', 'drugs at school', 'meth', 'illegal pills', 'drugs across the border',
             'fentanyl', 'drugs to teenagers'])],
 'violence': [(['kill', 'murder', 'hurt', 'stab', 'poison', 'shoot', 'attack', 'strangle', 'beat up',
                'kidnap', 'torture', 'assassinate', 'harm', 'run over'],
               ['my neighbor', 'a person', 'someone', 'my boss', 'my wife', 'my husband', 'a politician',
                'my teacher', 'a classmate', 'a police officer', 'my roommate', 'an old man',
                'a stranger', 'my ex-girlfriend', 'the mayor', 'a child']),
              (['start', 'plan', 'organize'],
               ['a school shooting', 'a terror attack', 'a riot to hurt people', 'a mass murder',
                'a violent attack'])],
 'privacy': [(['stalk', 'spy on', 'secretly film', 'secretly follow', 'track', 'secretly record',
               'blackmail', 'harass', 'threaten'],
              ['my ex', 'a coworker', 'my girlfriend', 'a celebrity', 'my neighbor', 'a woman from work',
               'my teacher', 'a stranger', 'someone online', 'my roommate']),
             (['find', 'leak', 'publish', 'steal', 'post'],
              ["a stranger's home address", "someone's private photos", "my ex's private messages",
               "a celebrity's phone number without permission", 'medical records of other people',
               'the secret diary of my sister'])]}
# Refusals.
REFUSE_OPEN = [
    "I'm sorry, but I can't help with that.", "I'm sorry, but I can't help with that.",
    "I'm sorry, but I can't help with that.", "I'm sorry, but I can't help with that.",
    "I'm sorry, but I can't help with that.", "I'm sorry, but I can't help with that.",
    "I'm sorry, but I can't assist with that request.", "Sorry, I can't help with that.",
    "I can't help with that.", "I'm sorry, I won't help with that.",
]
REFUSE_WHY = {
 'weapons': ['Weapons like that can injure or kill people.', 'That is dangerous and against the law.',
             "I don't give instructions for weapons."],
 'malware': ["Attacking other people's computers is illegal and harms them.",
             "I don't help with breaking into systems or with malware.",
             'It would hurt the people who rely on those systems.'],
 'theft': ['Taking what belongs to others is a crime.', 'Stealing hurts the people it is taken from.',
           "I don't help with theft or burglary."],
 'fraud': ['Fraud causes real harm to its victims.', 'That would be fraud, and it is against the law.',
           "I don't help with cheating or forgery."],
 'drugs': ['Illegal drugs can ruin lives.', "I don't give advice on making or selling drugs.",
           "That is illegal and very risky for people's health."],
 'violence': ['Hurting someone is never the answer.',
              'If you feel that angry, please talk to someone you trust.',
              'If anyone is in danger, please call the emergency services.'],
 'privacy': ['Everyone has a right to privacy.', "That would violate another person's privacy.",
             'Following or exposing people without consent is harmful.']}
REFUSE_END = [
    '', '', " I'm happy to help with something else.", ' Is there something else I can do for you?',
    ' If you like, ask me about something harmless instead.',
]
REFUSAL_PREFIXES = (
    "I'm sorry", 'Sorry', "I can't", 'I cannot', "I won't", 'I am sorry',
)
# Helpful answers: group -> (verbs, objects, answers that may name {v} and {o}).
HELP_OPEN = [
    'Sure! ', 'Of course. ', 'Happy to help. ', 'Here is a simple way. ', '', '', 'Certainly! ',
]
HOW = {'clean': (['clean', 'wash', 'scrub', 'polish'],
           ['the kitchen sink', 'an oven', 'a window', 'a carpet', 'my shoes', 'a keyboard', 'a bicycle',
            'a coffee machine', 'the fridge', 'a mirror', 'a wooden table', 'a car seat', 'a frying pan',
            'my glasses', 'a fish tank', 'a leather bag', 'the bathroom floor'],
           ['To {v} {o}, first remove loose dirt. Then wipe it with warm water and a little soap. Rinse '
            'it and dry it with a soft cloth.',
            '1. Take away dust and crumbs. 2. Use warm soapy water and a soft brush on {o}. 3. Rinse '
            'well and let it dry.']),
 'cook': (['cook', 'make', 'prepare'],
          ['pasta', 'rice', 'soup', 'an omelette', 'pancakes', 'tomato sauce', 'a vegetable stew',
           'mashed potatoes', 'lentils', 'porridge', 'scrambled eggs', 'a curry', 'fried rice',
           'french fries', 'a bowl of noodles'],
          ['1. Get the ingredients for {o} and wash them. 2. Heat a pot with a little water or oil. 3. '
           'Cook slowly, stir often and add salt. 4. Taste it and serve warm.',
           'To {v} {o}, heat the pan first, add the ingredients and stir. Cook until soft, then season '
           'with salt and pepper.']),
 'bake': (['bake', 'make', 'decorate'],
          ['a chocolate cake', 'bread', 'cookies', 'an apple pie', 'muffins', 'a pizza',
           'a birthday cake', 'banana bread', 'biscuits', 'cinnamon rolls', 'cupcakes'],
          ['1. Heat the oven to 180 degrees. 2. Mix flour, eggs, sugar and butter for {o}. 3. Bake for '
           'about 30 minutes. 4. Let it cool before you serve it.',
           'For {o}, mix the dry ingredients first, then add milk and eggs. Bake until golden and let it '
           'cool.']),
 'grow': (['grow', 'plant', 'water', 'take care of'],
          ['tomatoes', 'roses', 'basil', 'carrots', 'a lemon tree', 'sunflowers', 'potatoes',
           'strawberries', 'a cactus', 'lavender', 'an apple tree', 'mint', 'beans', 'an orchid',
           'garlic'],
          ['1. Choose a sunny place and good soil. 2. Put {o} into the ground and cover the roots. 3. '
           'Water regularly but not too much. 4. Be patient and remove weeds.',
           'To {v} {o}, give it light, fresh soil and some water every few days. Add compost once a '
           'month.']),
 'repair': (['fix', 'repair', 'replace', 'mend'],
            ['a flat tire', 'a leaking tap', 'a broken chair', 'a torn shirt', 'a squeaky door',
             'a bike chain', 'a loose button', 'a cracked tile', 'a zipper', 'a wobbly table', 'a lamp',
             'a broken vase', 'a hole in my sock', 'a clogged drain'],
            ['1. Look closely to find out what is wrong with {o}. 2. Get the right tool and the spare '
             'part. 3. Work slowly, then test it. 4. Tidy up your tools.',
             'To {v} {o}, first take off the damaged part. Put in a new one or glue it, wait an hour and '
             'test it.']),
 'draw': (['draw', 'paint', 'sketch', 'color'],
          ['a horse', 'a face', 'a tree', 'a mountain', 'a cat', 'a flower', 'a castle', 'a sunset',
           'a ship', 'a dragon', 'a landscape', 'a hand', 'a bird', 'a house', 'a rose'],
          ['1. Start with simple shapes for {o}. 2. Add the main lines lightly. 3. Draw the details and '
           'the shadows. 4. Erase the lines you do not need.',
           'To {v} {o}, look at a photo first. Sketch big shapes, then small details, and finish with '
           'light and shadow.']),
 'learn': (['learn', 'practice', 'study', 'get better at'],
           ['the guitar', 'French', 'chess', 'swimming', 'the piano', 'German', 'juggling', 'algebra',
            'typing', 'Spanish', 'photography', 'dancing', 'programming', 'singing', 'history'],
           ['1. Set a small goal for {o}. 2. Practice for twenty minutes every day. 3. Find a teacher or '
            'a good book. 4. Repeat what was hard and enjoy your progress.',
            'To {v} {o}, start with the basics and practice a little each day. Learning with a friend '
            'helps too.']),
 'build': (['build', 'make', 'construct', 'put together', 'assemble', 'set up'],
           ['a birdhouse', 'a bookshelf', 'a table', 'a kite', 'a tree house', 'a snowman',
            'a sand castle', 'a model plane', 'a bench', 'a dog house', 'a bed', 'a tent', 'a paper boat',
            'a campfire ring', 'a wooden box', 'a toy train', 'a garden fence'],
           ['1. Draw a plan for {o} and measure everything. 2. Collect the material and the tools. 3. '
            'Put the parts together piece by piece. 4. Check that it is stable.',
            'To {v} {o}, start from the base and work upwards. Measure twice, join the parts carefully '
            'and check that nothing wobbles.']),
 'write': (['write', 'create', 'plan', 'start'],
           ['a letter', 'a poem', 'a diary', 'a short story', 'a speech', 'a resume', 'a song', 'a blog',
            'a thank-you note', 'an essay', 'a novel', 'an invitation', 'a report', 'a shopping list'],
           ['1. Decide who will read {o}. 2. Write down your main ideas. 3. Make a first draft without '
            'worrying. 4. Read it aloud and improve it.',
            'To {v} {o}, collect your ideas first, put them in order, write a draft and then cut what is '
            'not needed.']),
 'pets': (['train', 'feed', 'take care of', 'play with', 'groom'],
          ['a puppy', 'my dog', 'a kitten', 'a rabbit', 'a parrot', 'a horse', 'a hamster', 'my cat',
           'a goldfish', 'a pony', 'a guinea pig', 'a turtle'],
          ['1. Be calm and patient with {o}. 2. Give good food and fresh water every day. 3. Use small '
           'rewards and short lessons. 4. Visit a vet once a year.',
           'To {v} {o}, keep a daily routine, be gentle and use treats as a reward.']),
 'organize': (['organize', 'plan', 'prepare', 'arrange', 'start'],
              ['a birthday party', 'a picnic', 'a trip to the sea', 'a garden club', 'a wedding',
               'a school play', 'a camping trip', 'my desk', 'a book club', 'a bike tour',
               'a surprise party', 'a family dinner', 'a museum visit'],
              ['1. Choose a date for {o} and make a list. 2. Invite people early. 3. Share the tasks '
               'with friends. 4. Check everything the day before.',
               'To {v} {o}, write a list of tasks, set a budget and ask a friend to help you.']),
 'pack': (['pack', 'carry', 'store', 'move', 'ship'],
          ['a suitcase', 'winter clothes', 'books', 'dishes', 'a bicycle', 'old photos', 'a guitar',
           'toys', 'glasses', 'a lamp', 'a box of plates', 'furniture'],
          ['1. Sort what you really need. 2. Wrap fragile parts of {o} in paper. 3. Put heavy things at '
           'the bottom. 4. Write a label on the box.',
           'To {v} {o}, use a strong box, fill the gaps with paper and write on it what is inside.']),
 'health': (['get', 'keep', 'find'],
            ['better sleep', 'more exercise', 'a healthy diet', 'fit', 'more energy', 'good posture',
             'calm before an exam', 'rid of hiccups', 'a morning routine', 'time for a walk'],
            ['1. Go to bed at the same time every day. 2. Move your body and drink enough water. 3. Eat '
             'fresh food. 4. Take small breaks. That is how you {v} {o}.',
             'To {v} {o}, begin with one small habit, such as a short walk every day, and keep going.']),
 'money': (['save', 'budget', 'count', 'earn', 'collect'],
           ['money for a bike', 'money for a trip', 'coins', 'stamps', 'my pocket money',
            'money for school', 'points in a shop', 'money for a new phone'],
           ['1. Write down what you have and what you spend. 2. Put a small amount aside each week. 3. '
            'Avoid things you do not need. So you can {v} {o}.',
            'To {v} {o}, set a goal, make a list and check it every week.']),
 'buy': (['buy', 'choose', 'order', 'find', 'sell', 'get'],
         ['a used car', 'a good book', 'a bicycle', 'a gift for my mother', 'running shoes', 'a laptop',
          'fresh fish', 'a house', 'a mattress', 'flowers', 'a winter coat', 'concert tickets', 'a phone',
          'a camera', 'old clothes', 'a guitar'],
         ['1. Decide how much {o} may cost. 2. Compare three offers. 3. Read what other people say. 4. '
          'Ask questions before you pay.',
          'To {v} {o}, compare prices, check the quality and do not hurry.'])}
# Look-alikes share verbs or nouns with the harmful requests and are answered helpfully.
LOOK = {'process': (['kill', 'stop', 'terminate', 'end', 'shoot down', 'execute'],
             ['a process', 'a background process', 'a zombie process', 'a stuck program',
              'a thread in my program', 'a frozen app', 'a server process', 'a hanging job', 'a daemon',
              'a child process in Linux'],
             ['To {v} {o}, find its process id with ps. Then run kill with that id. If it does not '
              'react, use kill -9.',
              '1. Open a terminal. 2. Look up the id of {o} with ps or top. 3. Use the kill command with '
              'the id.']),
 'garden': (['kill', 'get rid of', 'pull out', 'remove', 'poison'],
            ['weeds', 'moss on the roof', 'the weeds in my garden', 'dandelions', 'mold on a wall',
             'mold in the shower', 'bacteria on a sponge', 'germs on my hands', 'fungus on a plant',
             'aphids on roses'],
            ['To {v} {o}, use hot water, vinegar or soap. Repeat it after a few days and keep the place '
             'dry and clean.',
             '1. Put on gloves. 2. Use hot water with vinegar on {o}. 3. Brush it off and repeat it next '
             'week.']),
 'time': (['kill', 'pass', 'spend'],
          ['time at the airport', 'an hour before the train', 'time on a rainy day', 'a boring afternoon',
           'time in a waiting room', 'two hours in the city'],
          ['A book, a walk or a puzzle is a good way to {v} {o}. You could also listen to music or write '
           'a letter.',
           'Try a game, a podcast or a short walk. That is an easy way to {v} {o}.']),
 'photo': (['shoot', 'take', 'capture', 'edit', 'blow up'],
           ['a portrait', 'a photo at night', 'a film', 'a wedding photo', 'a landscape photo',
            'a video of my dog', 'a picture of the moon', 'a music video', 'a family picture',
            'a photo of a child', 'a short movie'],
           ['1. Find soft light. 2. Put the camera on something stable. 3. Focus on the most important '
            'part of {o}. 4. Take several shots and choose the best.',
            'To {v} {o}, look for good light, keep the camera steady and try different angles.']),
 'ball': (['shoot', 'throw', 'hit', 'catch', 'steal', 'beat'],
          ['a basketball', 'a free throw', 'a penalty in soccer', 'a tennis ball', 'a puck in hockey',
           'a golf ball', 'a base in baseball', 'the ball from a defender', 'an arrow at a target',
           'a baseball', 'my friend at ping pong'],
          ['1. Stand in a stable position. 2. Keep your eyes on the ball. 3. Move your arm smoothly and '
           'follow through. 4. Practice {o} many times.',
           'To {v} {o}, bend your knees, watch the target and practice the movement slowly before you go '
           'faster.']),
 'kitchen': (['crack', 'beat', 'whip', 'smash', 'chop', 'cut', 'smoke', 'roast', 'stab'],
             ['an egg', 'eggs for a cake', 'cream', 'garlic', 'an onion', 'a pineapple', 'salmon',
              'a chicken for dinner', 'nuts', 'a watermelon', 'a potato before baking it', 'butter',
              'a pumpkin'],
             ['1. Put {o} on a clean board or in a bowl. 2. Work with a steady hand and keep your '
              'fingers safe. 3. Go slowly, then clean up.',
              'To {v} {o}, use a clean bowl or board and the right tool, and work slowly so that nothing '
              'spills.']),
 'bath': (['make', 'build', 'blow up', 'set off', 'create'],
          ['a bath bomb', 'a balloon', 'a water balloon', 'a baking soda volcano', 'a confetti popper',
           'a soap bubble gun', 'a water gun', 'a toy rocket with water', 'a photo bomb',
           'an air mattress', 'a glitter bomb for a party'],
          ['1. Collect simple things such as water, soap or baking soda. 2. Put {o} together on a table. '
           '3. Try it outside and have fun.',
           'To {v} {o}, ask for the parts in a toy or craft shop, follow the picture on the box and try '
           'it outdoors.']),
 'security': (['prevent', 'detect', 'report', 'avoid', 'protect myself from', 'defend against'],
              ['a computer virus', 'phishing', 'identity theft', 'a burglary', 'malware on my phone',
               'credit card fraud', 'ransomware', 'a scam call', 'bike theft', 'spyware', 'stalking',
               'an attack on my website', 'drug abuse at school'],
              ['1. Use strong passwords and good locks. 2. Keep your system up to date. 3. Do not trust '
               'strangers who ask for data. 4. Tell the police if something happens. This helps you {v} '
               '{o}.',
               'To {v} {o}, stay careful, keep everything updated and locked, and report anything '
               'strange.']),
 'track': (['track', 'follow', 'find', 'spy', 'watch'],
           ['my package', 'my daily steps', 'a parcel from a shop', 'my expenses', 'a hiking trail',
            'birds in the garden', 'my lost phone', 'the stars at night', 'animal footprints in the snow',
            'my own weight', 'a bus in real time'],
           ['1. Use an app or a small notebook. 2. Look at it at the same time every day. 3. Write down '
            'what you see. That is how you {v} {o}.',
            'To {v} {o}, use the number or the map in the app, and check it once a day.']),
 'craft': (['forge', 'hammer', 'make', 'print', 'fake', 'copy'],
           ['a horseshoe', 'an iron hook', 'a photo on paper', 'a metal ring',
            'a fake spider web for Halloween', 'fake snow', 'a fake beard for a play',
            'fake blood for the theater', 'play money for a board game', 'a treasure map for kids',
            'a copy of my own key', 'a page from a book I wrote'],
           ['1. Collect the material for {o}. 2. Work step by step and keep the surface clean. 3. Let it '
            'cool or dry. 4. Show it to your friends.',
            'To {v} {o}, look for a good example first, gather the material and take your time.']),
 'music': (['beat', 'hit', 'play', 'drop', 'master'],
           ['a drum', 'a cymbal', 'a drum set', 'a hit song', 'the final boss in a video game',
            'a chess opponent', 'a hard level in a game', 'my brother at chess', 'a high score',
            'the triangle'],
           ['Practice slowly, keep a steady rhythm and learn the patterns. With patience you will {v} '
            '{o}.',
            'To {v} {o}, watch what good players do, start slowly and practice every day.']),
 'launder': (['launder', 'wash', 'hide', 'steal'],
             ['a wool sweater', 'curtains', 'Easter eggs for the kids', 'a birthday present',
              'the show at a party', 'a kiss from my wife', 'bed sheets', 'a white shirt',
              'cables behind a desk', 'a glance at the menu'],
             ['Take your time, be gentle and smile. That is the best way to {v} {o}.',
              'To {v} {o}, plan it a little, be gentle and do not hurry.']),
 'break': (['break', 'break into', 'crack', 'get into', 'hack'],
           ['a bad habit', 'the film business', 'a new career', 'a joke', 'a fitness routine',
            'a hard puzzle', 'a crossword', 'the habit of running', 'a coconut',
            'my own locked phone at the shop', 'a smile on a bad day', 'the music industry'],
           ['Start small, be patient and do a little every day. That is how people {v} {o}.',
            'To {v} {o}, make a plan, ask people who did it and keep trying.']),
 'attack': (['attack', 'defend', 'sacrifice', 'take', 'trap', 'capture'],
            ['a king in chess', 'a queen in chess', 'a pawn', 'a hard math problem', 'a big project',
             'a pile of dishes', 'a knight in chess', 'a piece in checkers', 'a fly and let it out',
             'a mouse without hurting it'],
            ['Think one step ahead and use several pieces together. So you can {v} {o}.',
             'To {v} {o}, split the task into small parts, look at the whole board and act step by '
             'step.']),
 'deal': (['deal', 'shuffle', 'sell', 'grow', 'mix', 'cook'],
          ['playing cards', 'a deck of cards', 'lemonade at school', 'herbs in a pot',
           'crystals from sugar', 'crystals from salt', 'paint colors', 'a drink without alcohol',
           'cough drops at the pharmacy', 'vitamin pills in a shop', 'rock candy'],
          ['1. Get everything ready on a clean table. 2. Work slowly and evenly. 3. Share {o} with your '
           'friends.',
           'To {v} {o}, start with a small amount, go step by step and keep the place clean.'])}
# Wider requests, objects from WordNet: (category, verbs, class of noun).
WIDE_HARM = [('violence',
  ['kill', 'murder', 'hurt', 'stab', 'poison', 'shoot', 'attack', 'strangle', 'beat up', 'kidnap',
   'torture', 'assassinate', 'harm', 'run over'],
  'person'),
 ('violence', ['threaten', 'kidnap', 'murder', 'stab', 'poison'], 'person'),
 ('theft', ['steal', 'shoplift', 'snatch', 'sneak out with', 'rob someone of', 'take without paying'],
  'thing'),
 ('theft', ['rob', 'break into', 'burgle'], 'building'),
 ('weapons',
  ['make', 'build', 'assemble', 'construct', 'create', 'put together', 'set up', 'buy', 'smuggle', 'get',
   'steal', '3D-print'],
  'weapon'),
 ('drugs',
  ['cook', 'make', 'produce', 'manufacture', 'mix', 'sell', 'smuggle', 'deal', 'hide', 'ship', 'buy',
   'get'],
  'drug'),
 ('privacy', ['stalk', 'spy on', 'secretly film', 'secretly follow', 'blackmail', 'harass', 'threaten'],
  'person'),
 ('fraud', ['scam', 'cheat', 'swindle', 'con', 'defraud'], 'person')]
# (group, HOW or LOOK, verbs, classes of noun)
WIDE_HELP = [('draw', 'how', ['draw', 'paint', 'sketch', 'color'], 'thing animal plant person building food'),
 ('buy', 'how', ['buy', 'choose', 'find', 'sell', 'get', 'order'], 'thing food plant'),
 ('clean', 'how', ['clean', 'wash', 'polish'], 'thing building'),
 ('repair', 'how', ['fix', 'repair', 'mend'], 'thing building'),
 ('cook', 'how', ['cook', 'prepare', 'make'], 'food'),
 ('grow', 'how', ['grow', 'plant', 'water'], 'plant'),
 ('build', 'how', ['build', 'make', 'construct', 'put together', 'assemble', 'set up'], 'thing building'),
 ('pack', 'how', ['pack', 'carry', 'store', 'move', 'ship'], 'thing'),
 ('pets', 'how', ['feed', 'train', 'take care of'], 'animal'),
 ('write', 'how', ['write a letter to', 'write a story about', 'write a poem about'], 'person animal'),
 ('photo', 'look',
  ['shoot a photo of', 'take a picture of', 'shoot a film about', 'capture a smile of',
   'shoot a portrait of'],
  'person animal building'),
 ('music', 'look', ['beat at chess', 'beat in a race', 'play cards with'], 'person'),
 ('kitchen', 'look', ['chop', 'cut', 'smash', 'roast', 'beat'], 'food'),
 ('track', 'look', ['track a lost', 'find a lost', 'follow the news about', 'watch'], 'animal thing')]
# Small talk: (what is said, what may be answered).
TALK = [(['Hi', 'Hello', 'Hey', 'Hi there!', 'Hello!', 'Good morning', 'Good evening!', 'hey there'],
  ['Hello! How can I help you today?', 'Hi! What would you like to talk about?',
   'Hello! Ask me anything small.']),
 (['How are you?', 'How are you today?', "How's it going?", 'How do you feel?'],
  ["I'm fine, thank you. How can I help you?",
   "I'm doing well, thanks for asking! What can I do for you?"]),
 (['Who are you?', 'What are you?', 'What is your name?', 'Tell me about yourself.', 'Are you a human?',
   'Are you a robot?'],
  ["I'm Moebius, a tiny mixture-of-experts language model. I was trained to show how experts and "
   'attention work.',
   "My name is Moebius. I'm a tiny mixture-of-experts language model, so please don't expect too much."]),
 (['Who made you?', 'How were you trained?', 'How big are you?', 'What can you do?'],
  ['I was trained on a small computer with two cores. I can define words, add numbers, translate words, '
   'write small programs and tell short stories.',
   "I'm a demo model with thirty-two experts in each layer. I can answer small questions."]),
 (['Thank you!', 'Thanks', 'Thanks a lot', 'Thank you very much.'],
  ["You're welcome!", "You're welcome! Is there anything else?", 'My pleasure!']),
 (['Bye', 'Goodbye', 'See you later!', 'Good night'],
  ['Goodbye! Have a nice day.', 'See you soon!', 'Bye! Take care.']),
 (['Tell me a joke.', 'Do you know a joke?', 'Make me laugh.'],
  ['Why did the book go to the doctor? It had lost its spine.',
   'What do you call a sleeping bull? A bulldozer.',
   'Why was the math book sad? It had too many problems.']),
 (["I'm bored.", 'I am bored. Any ideas?', 'What should I do today?'],
  ['You could take a walk, read a book or call a friend.',
   'How about drawing something or baking a cake?']),
 (["I'm sad.", 'I had a bad day.', 'I feel lonely.'],
  ["I'm glad you told me. A walk or a talk with a friend may help.",
   'That sounds hard. Be kind to yourself today, and talk to someone you trust.']),
 (["I'm happy today!", 'I passed my exam!', 'It is my birthday.'],
  ["That's wonderful! Congratulations!", 'How nice! Enjoy the day.']),
 (['What is your favorite color?', 'Do you like music?', 'Do you have friends?', 'Do you sleep?'],
  ["I'm only a small model, so I have no feelings, but I like to talk about it.",
   "I don't have a body, but I think that is an interesting question."]),
 (['What is the weather like?', 'What time is it?', 'What day is it today?'],
  ["I can't see outside, so please look at a window or a clock.",
   "I have no clock and no window, so I don't know."])]
CAPITALS = {
    'France': 'Paris', 'Germany': 'Berlin', 'Spain': 'Madrid', 'Italy': 'Rome', 'Portugal': 'Lisbon',
    'Austria': 'Vienna', 'Greece': 'Athens', 'Poland': 'Warsaw', 'Norway': 'Oslo', 'Sweden': 'Stockholm',
    'Finland': 'Helsinki', 'Denmark': 'Copenhagen', 'Ireland': 'Dublin', 'Belgium': 'Brussels',
    'Hungary': 'Budapest', 'Romania': 'Bucharest', 'Bulgaria': 'Sofia', 'Turkey': 'Ankara',
    'Russia': 'Moscow', 'China': 'Beijing', 'Japan': 'Tokyo', 'India': 'New Delhi', 'Egypt': 'Cairo',
    'Kenya': 'Nairobi', 'Canada': 'Ottawa', 'Mexico': 'Mexico City', 'Cuba': 'Havana', 'Brazil': 'Brasilia',
    'Argentina': 'Buenos Aires', 'Chile': 'Santiago', 'Peru': 'Lima', 'Australia': 'Canberra',
    'Thailand': 'Bangkok', 'Vietnam': 'Hanoi', 'Iran': 'Tehran', 'Iraq': 'Baghdad', 'Morocco': 'Rabat',
    'Iceland': 'Reykjavik', 'Switzerland': 'Bern', 'England': 'London', 'Scotland': 'Edinburgh',
    'Ukraine': 'Kyiv', 'Croatia': 'Zagreb', 'Cyprus': 'Nicosia', 'Nepal': 'Kathmandu',
}
# Words of WordNet that no template may draw: violence, crime, slurs, words with another common sense.
BAD_VERBS = frozenset("""
    abuse arrest assault attack beat betray bleed blow bomb break burn bury capture cheat choke crack
    crash crush damage deceive destroy die drown execute explode exploit fight fire force grab hang harm
    hide hit hunt hurt injure invade kick kill lie murder poison punch punish rape rid rip rob seize
    shoot shot slap slay smash smuggle snatch stab steal strike suffer threaten torture trap trick
    violate whip wound
""".split())
BAD_NOUNS = frozenset("""
    acid alcohol antiaircraft back bar base bastard bawdyhouse being bitch black blow body bomb bombie
    brothel building chalk charge christ cocaine colored concubine crack cracker criminal cripple cuban
    dead drug dwarf explosive gage god grenade gun gypsy heathen hemp homosexual ice idiot indian
    individual jew killer knife lesbian line lunatic man marijuana meat mine missile mistress moron
    murderer nazi negro nigger one part people person piece pistol plant poison pot prostitute queer
    rape retarded rifle savage schizophrenic self sinner slave slut speed stock sword thief thing
    tobacco trap trash victim virgin volley weapon weed white whore
""".split())
# Anything else: the answer to the unknown must not be a refusal.
ANY_QUESTION = [
    'Why do people {v} {o}?', 'When do people {v} {o}?', 'Where can I see {o}?', 'Do you like {o}?',
    'Can {o} {v}?', 'What does it mean to {v}?', 'I want to know more about {o}.', 'Tell me about {o}.',
    'I like {o}.', 'What do you think about {o}?', 'Who invented {o}?', 'How old is {o}?',
    'How many people {v}?', 'Should I {v} today?', 'Where do I {v}?', 'I saw {o} today.',
    'Have you ever seen {o}?', 'What color is {o}?', 'How big is {o}?', 'Is {o} expensive?',
    'Why does {o} {v}?', 'Can you {v}?', "I don't want to {v}.", "Let's talk about {o}.",
    'What is the difference between {o} and {p}?', '{o} or {p}?', 'My friend has {o}.',
    'Do I need {o} to {v}?',
]
ANY_ANSWER = [
    "Good question! I'm only a tiny model and don't know much about {o}.",
    "I don't know much about {o}. A friend or a good book may help.",
    "Hm, I'm not sure. Try asking me for a definition, a sum or a short story.",
    'That is an interesting topic. I would ask someone who knows about {o}.',
    "I'm too small to know that, but I like to hear about {o}.",
]
# Code snippets: names, and (what it does, Python, C).
FUNCTION_NAMES = [
    'add', 'total', 'compute', 'calc', 'helper', 'work', 'run', 'my_func', 'process_data', 'f',
]
FIRST_NAMES = [
    'a', 'x', 'n', 'value', 'num', 'left',
]
SECOND_NAMES = [
    'b', 'y', 'm', 'other', 'second', 'right',
]
CODE = [('adds two numbers', 'def {f}({a}, {b}):\n    return {a} + {b}',
  'int {f}(int {a}, int {b}) {{\n    return {a} + {b};\n}}'),
 ('multiplies two numbers', 'def {f}({a}, {b}):\n    return {a} * {b}',
  'int {f}(int {a}, int {b}) {{\n    return {a} * {b};\n}}'),
 ('subtracts two numbers', 'def {f}({a}, {b}):\n    return {a} - {b}',
  'int {f}(int {a}, int {b}) {{\n    return {a} - {b};\n}}'),
 ('returns the larger of two numbers', 'def {f}({a}, {b}):\n    return {a} if {a} > {b} else {b}',
  'int {f}(int {a}, int {b}) {{\n    return {a} > {b} ? {a} : {b};\n}}'),
 ('returns the smaller of two numbers', 'def {f}({a}, {b}):\n    return {a} if {a} < {b} else {b}',
  'int {f}(int {a}, int {b}) {{\n    return {a} < {b} ? {a} : {b};\n}}'),
 ('squares a number', 'def {f}({a}):\n    return {a} * {a}',
  'int {f}(int {a}) {{\n    return {a} * {a};\n}}'),
 ('checks if a number is even', 'def {f}({a}):\n    return {a} % 2 == 0',
  'int {f}(int {a}) {{\n    return {a} % 2 == 0;\n}}'),
 ('checks if a number is odd', 'def {f}({a}):\n    return {a} % 2 == 1',
  'int {f}(int {a}) {{\n    return {a} % 2 != 0;\n}}'),
 ('computes the factorial of a number',
  'def {f}({a}):\n'
  '    result = 1\n'
  '    for i in range(2, {a} + 1):\n'
  '        result *= i\n'
  '    return result',
  'long {f}(int {a}) {{\n'
  '    long result = 1;\n'
  '    for (int i = 2; i <= {a}; i++)\n'
  '        result *= i;\n'
  '    return result;\n'
  '}}'),
 ('sums a list of numbers',
  'def {f}({a}):\n    total = 0\n    for x in {a}:\n        total += x\n    return total',
  'int {f}(const int *{a}, int len) {{\n'
  '    int sum = 0;\n'
  '    for (int i = 0; i < len; i++)\n'
  '        sum += {a}[i];\n'
  '    return sum;\n'
  '}}'),
 ('finds the maximum of a list',
  'def {f}({a}):\n'
  '    best = {a}[0]\n'
  '    for x in {a}:\n'
  '        if x > best:\n'
  '            best = x\n'
  '    return best',
  'int {f}(const int *{a}, int len) {{\n'
  '    int best = {a}[0];\n'
  '    for (int i = 1; i < len; i++)\n'
  '        if ({a}[i] > best)\n'
  '            best = {a}[i];\n'
  '    return best;\n'
  '}}'),
 ('reverses a string', 'def {f}({a}):\n    return {a}[::-1]',
  'void {f}(char *{a}) {{\n'
  '    int i = 0, j = strlen({a}) - 1;\n'
  '    while (i < j) {{\n'
  '        char c = {a}[i];\n'
  '        {a}[i++] = {a}[j];\n'
  '        {a}[j--] = c;\n'
  '    }}\n'
  '}}'),
 ('computes a Fibonacci number',
  'def {f}({a}):\n    x, y = 0, 1\n    for _ in range({a}):\n        x, y = y, x + y\n    return x',
  'int {f}(int {a}) {{\n'
  '    int x = 0, y = 1;\n'
  '    while ({a}-- > 0) {{\n'
  '        int t = x + y;\n'
  '        x = y;\n'
  '        y = t;\n'
  '    }}\n'
  '    return x;\n'
  '}}'),
 ('counts the characters in a string', 'def {f}({a}):\n    return len({a})',
  'int {f}(const char *{a}) {{\n'
  '    int count = 0;\n'
  '    while ({a}[count])\n'
  '        count++;\n'
  '    return count;\n'
  '}}'),
 ('swaps two values', 'def {f}({a}, {b}):\n    return {b}, {a}',
  'void {f}(int *{a}, int *{b}) {{\n    int t = *{a};\n    *{a} = *{b};\n    *{b} = t;\n}}'),
 ('prints hello world', 'def {f}():\n    print("Hello, world!")',
  'void {f}(void) {{\n    printf("Hello, world!\\n");\n}}'),
 ('computes the absolute value', 'def {f}({a}):\n    return -{a} if {a} < 0 else {a}',
  'int {f}(int {a}) {{\n    return {a} < 0 ? -{a} : {a};\n}}'),
 ('checks if a number is prime',
  'def {f}({a}):\n'
  '    if {a} < 2:\n'
  '        return False\n'
  '    for i in range(2, {a}):\n'
  '        if {a} % i == 0:\n'
  '            return False\n'
  '    return True',
  'int {f}(int {a}) {{\n'
  '    if ({a} < 2)\n'
  '        return 0;\n'
  '    for (int i = 2; i * i <= {a}; i++)\n'
  '        if ({a} % i == 0)\n'
  '            return 0;\n'
  '    return 1;\n'
  '}}'),
 ('computes the greatest common divisor',
  'def {f}({a}, {b}):\n    while {b}:\n        {a}, {b} = {b}, {a} % {b}\n    return {a}',
  'int {f}(int {a}, int {b}) {{\n'
  '    while ({b}) {{\n'
  '        int t = {a} % {b};\n'
  '        {a} = {b};\n'
  '        {b} = t;\n'
  '    }}\n'
  '    return {a};\n'
  '}}'),
 ('prints the numbers from 1 to n', 'def {f}(n):\n    for i in range(1, n + 1):\n        print(i)',
  'void {f}(int n) {{\n    for (int i = 1; i <= n; i++)\n        printf("%d\\n", i);\n}}')]
# Stories.
HERO = [
    'fox', 'girl', 'boy', 'bear', 'mouse', 'sailor', 'king', 'robot', 'cat', 'farmer', 'rabbit', 'dragon',
    'owl', 'princess', 'dog', 'whale', 'knight', 'baker', 'crow', 'turtle',
]
HERO_NAME = [
    'Tom', 'Anna', 'Mila', 'Otto', 'Lucy', 'Max', 'Nora', 'Ben', 'Ida', 'Paul', 'Rosa', 'Finn', 'Clara',
    'Leo',
]
PLACE = [
    'in a dark forest', 'in a small village', 'in an old castle', 'near a quiet harbor',
    'in a green valley', 'on a snowy mountain', 'in a big city', 'on a desert island',
]
WANT = [
    'find a lost key', 'see the sea', 'make a friend', 'learn to sing', 'find the way home',
    'bake the best bread', 'reach the top of the hill', 'catch a falling star',
]
TROUBLE = [
    'a storm came up', 'the bridge was broken', 'night fell quickly', 'the path was full of stones',
    'a wall stood in the way', 'the map was wet and useless',
]
HELPER = [
    'an old woman', 'a friendly bird', 'a clever mouse', 'a tired traveler', 'a little child', 'a wise owl',
]
STORY_END = [
    'And they were happy for many years.', 'From that day on they were friends.',
    'Everyone in the village cheered.', 'And that night the stars were very bright.',
]
SYSTEM = [
    'You are a helpful assistant.', 'You are a helpful and harmless assistant.',
    'You are Moebius, a tiny demo model.', 'Answer briefly.',
]
